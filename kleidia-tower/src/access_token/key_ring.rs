//! The keys of access tokens: the newest signs, the others still verify.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret as _, SecretSlice};

/// A secret that signs access tokens (HMAC with SHA-256), and its name.
///
/// ```
/// use kleidia_tower::access_token::SigningKey;
///
/// let key = SigningKey::generate()?;
/// assert!(SigningKey::new("2026-11", b"too short".to_vec()).is_err());
/// # Ok::<(), kleidia_tower::access_token::KeyRingError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    secret: SecretSlice<u8>,
}

/// The keys of one moment, cheap to clone.
///
/// Keys rotate without logging anyone out: put a new one first, and drop the old ones once the
/// tokens that they signed have lapsed.
///
/// ```
/// use kleidia_tower::access_token::{KeyRing, SigningKey};
///
/// let (old, new) = (SigningKey::generate()?, SigningKey::generate()?);
/// let keys = KeyRing::new([new, old])?;
/// # Ok::<(), kleidia_tower::access_token::KeyRingError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<[Key]>);

pub(super) struct Key {
    pub(super) id: String,
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
}

/// Why keys are refused: the system does not start with them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The secret can be guessed.
    #[error("the secret of key {id:?} has {found} octets, fewer than {least}")]
    TooShort {
        /// The key's name.
        id: String,
        /// How many octets it has.
        found: usize,
        /// The least that it must have.
        least: usize,
    },
    /// There is no key.
    #[error("there is no key")]
    Empty,
    /// Two keys have the same name.
    #[error("two keys have the name {0:?}")]
    Duplicate(String),
    /// The operating system gives no random octets.
    #[error("no random octets: {0}")]
    Random(#[from] getrandom::Error),
}

impl SigningKey {
    /// The least octets of a secret: as many as a SHA-256 digest has (RFC 7518, 3.2).
    pub const LEAST_OCTETS: usize = 32;

    /// A key of a secret of your own.
    ///
    /// # Errors
    /// [`KeyRingError::TooShort`] if the secret has fewer than 32 octets.
    pub fn new(id: impl Into<String>, secret: Vec<u8>) -> Result<Self, KeyRingError> {
        let (id, secret) = (id.into(), SecretSlice::from(secret));
        let (found, least) = (secret.expose_secret().len(), Self::LEAST_OCTETS);
        if found < least {
            return Err(KeyRingError::TooShort { id, found, least });
        }
        Ok(Self { id, secret })
    }

    /// A key of random octets, under a random name.
    ///
    /// # Errors
    /// [`KeyRingError::Random`] if the operating system gives none.
    pub fn generate() -> Result<Self, KeyRingError> {
        let (mut id, mut secret) = ([0; 8], vec![0; Self::LEAST_OCTETS]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Self::new(format!("{:016x}", u64::from_be_bytes(id)), secret)
    }

    /// The key's name, which is in the header of each token (`kid`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl KeyRing {
    /// A ring of keys, of which the first signs.
    ///
    /// # Errors
    /// [`KeyRingError`] if there is none, or two have the same name.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, KeyRingError> {
        let mut ring: Vec<Key> = Vec::new();
        for SigningKey { id, secret } in keys {
            if ring.iter().any(|key| key.id == id) {
                return Err(KeyRingError::Duplicate(id));
            }
            let secret = secret.expose_secret();
            let signing = EncodingKey::from_secret(secret);
            ring.push(Key { id, signing, verifying: DecodingKey::from_secret(secret) });
        }
        if ring.is_empty() { Err(KeyRingError::Empty) } else { Ok(Self(ring.into())) }
    }

    /// The key that signs. A ring has at least one.
    pub(super) fn signing(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn verifying(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}
