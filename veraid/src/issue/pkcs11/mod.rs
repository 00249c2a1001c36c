//! Private keys in an HSM, by PKCS #11 (feature `pkcs11`).
//!
//! [`Pkcs11Signer`] signs inside of the token that a [`Pkcs11Uri`] names. The library of the token
//! runs in this process: use one that you trust, for several threads.

mod error;
mod key;
mod module;
mod session;
mod session_pool;
mod uri;

use std::fmt;
use std::sync::Arc;

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;

pub use self::error::{Pkcs11CallError, Pkcs11Error};
use self::session::{Mode, TokenAccess, TokenSession};
use self::session_pool::SessionPool;
pub use self::uri::{Pkcs11Uri, Pkcs11UriError};
use super::{PublicKey, Signer, SigningError};
use crate::{Hash, KeyAlgorithm};

/// A private RSA key in a token, which signs with RSASSA-PSS (`CKM_RSA_PKCS_PSS`).
///
/// It signs with SHA-256 by default. The message is hashed in this process, since tokens are slow at
/// it and some only sign digests. Keys that need a PIN for each signature
/// (`CKA_ALWAYS_AUTHENTICATE`) are not supported.
///
/// Signing blocks the thread. At most 8 signatures are computed at a time, each in a session of its
/// own, and further callers wait. If a session is lost, another one is opened. While the token is
/// not there, [`SigningError::is_retryable`] is true; when it is back, signing succeeds again. For
/// that, the library is initialised again, which ends the sessions of this process with other tokens
/// of the library: signers open new ones. A PIN that the token rejects is not tried again before its
/// file changes.
///
/// ```no_run
/// use veraid::KeyAlgorithm;
/// use veraid::issue::pkcs11::{Pkcs11Signer, Pkcs11Uri};
///
/// let uri: Pkcs11Uri = "pkcs11:token=hsm;object=organisation\
///     ?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/kliento/pin".parse()?;
/// // Once:
/// Pkcs11Signer::generate(&uri, KeyAlgorithm::Rsa2048)?;
/// // In each process:
/// let signer = Pkcs11Signer::open(&uri)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pkcs11Signer {
    pool: Arc<SessionPool<KeySession>>,
    token: Arc<TokenAccess>,
    public_key: PublicKey,
    hash: Hash,
}

/// A session, and the key's handle in it.
struct KeySession {
    session: TokenSession,
    key: ObjectHandle,
}

impl Pkcs11Signer {
    /// Opens a key that is in the token.
    ///
    /// # Errors
    /// [`Pkcs11Error`] if the library, the token or the key is not available, or is not the only one
    /// that the URI selects, or if the key is not an RSA key of 2048, 3072 or 4096 bits.
    pub fn open(uri: &Pkcs11Uri) -> Result<Self, Pkcs11Error> {
        let token = TokenAccess::new(uri.clone());
        let (session, public_key) = KeySession::open(&token)?;
        let pool = SessionPool::new(session);
        Ok(Self { pool: Arc::new(pool), token: Arc::new(token), public_key, hash: Hash::Sha256 })
    }

    /// Generates a key in the token, and opens it. The private key is sensitive and not extractable.
    ///
    /// # Errors
    /// [`Pkcs11Error::KeyExists`] if the token has such a key, and as [`Self::open`].
    pub fn generate(uri: &Pkcs11Uri, algorithm: KeyAlgorithm) -> Result<Self, Pkcs11Error> {
        let token = TokenAccess::new(uri.clone());
        let session = token.open(Mode::Write)?;
        session.call(|session| key::generate_key_pair(session, uri, algorithm))?;
        drop(session);
        Self::open(uri)
    }

    /// Sets the hash that it signs with; SHA-256 by default.
    #[must_use]
    pub const fn with_hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }

    /// Returns the public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs in a session that was used before, or else in a new one.
    fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>, Pkcs11Error> {
        let slot = self.pool.reserve();
        if let Some(used) = slot.take_idle() {
            // The session may have ended since then, whatever the library says of it.
            if let Ok(signature) = used.sign(self.hash, digest) {
                slot.keep(used);
                return Ok(signature);
            }
            drop(used);
            self.pool.clear();
        }
        let (session, public_key) = KeySession::open(&self.token)?;
        if public_key != self.public_key {
            return Err(Pkcs11Error::KeyChanged { uri: self.token.uri.to_string() });
        }
        let signature = session.sign(self.hash, digest)?;
        slot.keep(session);
        Ok(signature)
    }
}

impl Signer for Pkcs11Signer {
    fn subject_public_key_info(&self) -> &[u8] {
        self.public_key.subject_public_key_info()
    }

    fn hash(&self) -> Hash {
        self.hash
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        Ok(self.sign_digest(self.hash.digest(message).as_ref())?)
    }
}

impl KeySession {
    fn open(token: &TokenAccess) -> Result<(Self, PublicKey), Pkcs11Error> {
        let session = token.open(Mode::Read)?;
        let (key, public_key) = session.call(|session| {
            let key = key::find_private_key(session, &token.uri)?;
            Ok((key, key::read_public_key(session, &token.uri, key)?))
        })?;
        Ok((Self { session, key }, public_key))
    }

    fn sign(&self, hash: Hash, digest: &[u8]) -> Result<Vec<u8>, Pkcs11Error> {
        let (hash_alg, mgf) = match hash {
            Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
            Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
            Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        };
        let s_len = hash.length().try_into().map_err(Pkcs11Error::call)?;
        let mechanism = Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len });
        self.session
            .call(|session| session.sign(&mechanism, self.key, digest).map_err(Pkcs11Error::call))
    }
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.token.uri.to_string();
        let mut output = f.debug_struct("Pkcs11Signer");
        output.field("uri", &uri).field("hash", &self.hash).finish_non_exhaustive()
    }
}
