//! The keys of access tokens: the first one signs, all verify.

use std::io;
use std::sync::Arc;
use std::{fmt, iter};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jsonwebtoken::{DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use crate::Timestamp;

/// The form of the time of creation in an ID.
const CREATED_AT: &str = "%Y%m%dT%H%M%SZ";

/// A secret that signs access tokens (HMAC with SHA-256), and its ID.
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
    encoding_key: EncodingKey,
    decoding_key: DecodingKey,
}

/// The keys of access tokens. It is cheap to clone.
///
/// The first key signs, and all keys verify, so a rotation ends no session:
///
/// 1. Put the new key first, so that it signs, and keep the old one after it. A node that receives
///    a token of a key which it does not know reads the keys again
///    ([`KeyProvider::keys_with`](super::KeyProvider::keys_with)), as a [`KeyFile`](super::KeyFile)
///    and `VaultKeys` do.
/// 2. Remove the old key when the tokens that it signed have expired: after 30 minutes by default,
///    counted from when every node signs with the new key. A provider documents its poll interval.
///    Streams that were opened with a token of the old key end (`token_invalid`), and their clients
///    reconnect with a new token.
///
/// With a provider that does not read the keys again, add the new key after the old one before, and
/// wait until every node has read it.
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
    newest: SigningKey,
    older: Vec<SigningKey>,
}

/// The key of a ring that signed a token.
#[derive(Clone)]
pub(crate) struct TokenKey {
    keys: KeyRing,
    /// Its position in the ring.
    index: usize,
}

/// An error from creating keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The secret is too short.
    #[error("the secret of key {id:?} has {found} octets, expected at least {min}")]
    TooShort {
        /// The ID of the key.
        id: String,
        /// The length of the secret in octets.
        found: usize,
        /// The minimum length.
        min: usize,
    },
    /// There are no keys.
    #[error("no keys")]
    Empty,
    /// Two keys have the same ID.
    #[error("duplicate key ID {0:?}")]
    Duplicate(String),
    /// The operating system provides no random octets.
    #[error("no random octets: {0}")]
    Random(#[source] io::Error),
}

impl SigningKey {
    /// The minimum length of a secret in octets: that of a SHA-256 digest (RFC 7518, 3.2).
    pub const MIN_OCTETS: usize = 32;

    /// Creates a key from an ID and a secret.
    ///
    /// # Errors
    /// [`KeyRingError::TooShort`] if the secret has fewer than 32 octets.
    pub fn new(id: impl Into<String>, secret: Vec<u8>) -> Result<Self, KeyRingError> {
        let (id, secret) = (id.into(), Zeroizing::new(secret));
        let (found, min) = (secret.len(), Self::MIN_OCTETS);
        let encoding_key = EncodingKey::from_secret(&secret);
        match (encoding_key, DecodingKey::from_secret(&secret)) {
            (Ok(encoding_key), Ok(decoding_key)) if found >= min => {
                Ok(Self { id, encoding_key, decoding_key })
            }
            _ => Err(KeyRingError::TooShort { id, found, min }),
        }
    }

    /// Creates a key with a random ID and a random secret.
    ///
    /// # Errors
    /// [`KeyRingError::Random`] if the operating system provides no random octets.
    pub fn generate() -> Result<Self, KeyRingError> {
        let (mut id, mut secret) = ([0; 8], vec![0; Self::MIN_OCTETS]);
        let random_error = |error: getrandom::Error| KeyRingError::Random(error.into());
        getrandom::fill(&mut id).map_err(random_error)?;
        getrandom::fill(&mut secret).map_err(random_error)?;
        Self::new(format!("{:016x}", u64::from_be_bytes(id)), secret)
    }

    /// Creates a key as [`Self::generate`] does, whose ID begins with the time of creation, such as
    /// `20261130T215513Z-9f86d081884c7d65`: so its age is known.
    ///
    /// # Errors
    /// [`KeyRingError::Random`] if the operating system provides no random octets.
    pub fn generate_at(now: Timestamp) -> Result<Self, KeyRingError> {
        let mut key = Self::generate()?;
        key.id = format!("{}-{}", now.strftime(CREATED_AT), key.id);
        Ok(key)
    }

    /// Returns the time at which [`Self::generate_at`] has created the key; `None` for other IDs.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        let (created_at, _) = self.id.split_once('-')?;
        let time = DateTime::strptime(CREATED_AT, created_at).ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    }

    /// Returns the ID, which is in the header of each token (`kid`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn has_secret_of(&self, other: &Self) -> bool {
        self.encoding_key.as_bytes() == other.encoding_key.as_bytes()
    }

    pub(super) const fn encoding_key(&self) -> &EncodingKey {
        &self.encoding_key
    }

    pub(super) const fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }
}

impl KeyRing {
    /// Creates a ring of keys, of which the first signs.
    ///
    /// # Errors
    /// [`KeyRingError`] if there are no keys, or two have the same ID.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, KeyRingError> {
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(KeyRingError::Empty)?;
        let mut ring = Keys { newest, older: Vec::new() };
        for key in keys {
            if ring.iter().any(|other| other.id == key.id) {
                return Err(KeyRingError::Duplicate(key.id));
            }
            ring.older.push(key);
        }
        Ok(Self(Arc::new(ring)))
    }

    /// Returns whether both are the same ring, or clones of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns whether it has each key of another ring, with the same secret.
    pub(super) fn has_all_of(&self, other: &Self) -> bool {
        other.0.iter().all(|key| self.find(&key.id).is_some_and(|own| own.has_secret_of(key)))
    }

    /// Returns the key that signs.
    pub(super) fn newest(&self) -> &SigningKey {
        &self.0.newest
    }

    /// Returns the key if there are no others.
    pub(super) fn single(&self) -> Option<&SigningKey> {
        self.0.older.is_empty().then_some(&self.0.newest)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(SigningKey::id)
    }

    pub(super) fn find(&self, id: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl TokenKey {
    pub(super) fn new(keys: &KeyRing, key: &SigningKey) -> Self {
        let position = keys.0.iter().position(|other| other.id == key.id);
        Self { keys: keys.clone(), index: position.unwrap_or_default() }
    }

    /// Returns whether a ring has the key, with the same secret.
    pub(crate) fn is_in(&self, current: &KeyRing) -> bool {
        if current.is_same(&self.keys) {
            return true;
        }
        let key = self.keys.0.iter().nth(self.index);
        key.and_then(|key| Some(current.find(&key.id)?.has_secret_of(key))).unwrap_or(false)
    }
}

impl Keys {
    fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        iter::once(&self.newest).chain(&self.older)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("index", &self.index).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}
