//! The keys of access tokens: the newest signs, the others still verify.

use std::sync::Arc;
use std::{fmt, iter};

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use super::header;

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
/// The first key signs, and all verify, so that keys rotate without logging anyone out:
///
/// 1. Add the new key behind the old one, and wait until every node has it, which is as long as
///    their provider takes. A node that stands alone can do without this step.
/// 2. Put the new key first: it signs from now on.
/// 3. Drop the old key once the tokens that it signed have lapsed, 30 minutes by default.
///
/// ```
/// use kleidia_tower::access_token::{KeyRing, SigningKey};
///
/// let (old, new) = (SigningKey::generate()?, SigningKey::generate()?);
/// let keys = KeyRing::new([new, old])?;
/// # Ok::<(), kleidia_tower::access_token::KeyRingError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Keys>);

struct Keys {
    newest: Key,
    older: Vec<Key>,
}

/// A key, ready for use.
pub(super) struct Key {
    pub(super) id: String,
    /// The first segment of the tokens that it signs.
    pub(super) header: String,
    pub(super) secret: hmac::Key,
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
    /// The header of a key's tokens can't be written.
    #[error("no header: {0}")]
    Header(#[source] serde_json::Error),
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
        // A vector that shrinks to its length leaves a copy behind; this one is wiped.
        let secret = Zeroizing::new(secret);
        let (id, secret) = (id.into(), SecretSlice::from(secret.to_vec()));
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
        let mut keys = keys.into_iter();
        let newest = Key::new(&keys.next().ok_or(KeyRingError::Empty)?)?;
        let mut ring = Keys { newest, older: Vec::new() };
        for key in keys {
            if ring.iter().any(|other| other.id == key.id) {
                return Err(KeyRingError::Duplicate(key.id));
            }
            ring.older.push(Key::new(&key)?);
        }
        Ok(Self(Arc::new(ring)))
    }

    /// The key that signs.
    pub(super) fn newest(&self) -> &Key {
        &self.0.newest
    }

    /// The names of the keys.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    pub(super) fn find(&self, is_wanted: impl Fn(&Key) -> bool) -> Option<&Key> {
        self.0.iter().find(|key| is_wanted(key))
    }
}

impl Keys {
    fn iter(&self) -> impl Iterator<Item = &Key> {
        iter::once(&self.newest).chain(&self.older)
    }
}

impl Key {
    fn new(key: &SigningKey) -> Result<Self, KeyRingError> {
        let header = header::encoded(&key.id).map_err(KeyRingError::Header)?;
        let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret.expose_secret());
        Ok(Self { id: key.id.clone(), header, secret })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}
