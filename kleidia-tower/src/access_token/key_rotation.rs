//! Rotates the keys of a file: adds a new one, lets it sign, and removes those that no longer do.

mod replacement;

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use zeroize::Zeroizing;

use self::replacement::Replacement;
use super::key_file::read_secret;
use super::key_text::MAX_KEYS;
use super::{KeyFileError, KeyRing, KeyRingError, SigningKey};
use crate::{Timestamp, time};

/// How long after the expiry of its last token a key is kept: nodes read the file every 5 seconds, and
/// their clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// The keys of a file, for operators. It has no secrets.
///
/// ```
/// use kleidia_tower::access_token::{KeyFile, KeyState, StoredKeys};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("access-token.keys");
/// KeyFile::open_or_create(&path)?;
/// let keys = StoredKeys::read(&path)?;
/// assert_eq!(keys.keys().len(), 1);
/// assert_eq!(keys.keys()[0].state, KeyState::Signs);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoredKeys {
    keys: Vec<StoredKey>,
    changed_at: Timestamp,
}

/// A key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The ID.
    pub id: String,
    /// The time of creation, if [`SigningKey::generate_at`] has created it.
    pub created_at: Option<Timestamp>,
    /// What the key is for.
    pub state: KeyState,
}

/// What a key of a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// It signs new tokens: the first key.
    Signs,
    /// It is newer than the key that signs, and will sign later.
    Staged,
    /// It has signed earlier, and verifies the tokens that have not expired.
    Verifies,
}

/// A step of a rotation; see [`StoredKeys::rotate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRotation {
    /// Adds a new key that does not sign yet, for nodes that have copies of the file.
    Stage,
    /// Lets the staged key sign, or a new one if none is staged, and removes the keys that are due.
    Sign,
    /// Removes the keys that have signed earlier, whose tokens have all expired.
    Retire,
}

/// An error from rotating the keys of a file, which is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRotationError {
    /// The file cannot be read, or is invalid.
    #[error(transparent)]
    Read(#[from] KeyFileError),
    /// The file cannot be replaced.
    #[error("failed to replace the file: {0}")]
    Write(#[source] io::Error),
    /// A key is staged already.
    #[error("the key {id:?} is staged already")]
    Staged {
        /// The ID of the key.
        id: String,
    },
    /// Tokens of the keys to remove may still be valid.
    #[error("keys that have signed earlier are needed until {until}")]
    TooEarly {
        /// The time from which on they can be removed.
        until: Timestamp,
    },
    /// The file has as many keys as it can have, since it was changed too recently to remove some.
    #[error("the file has {found} keys, the maximum")]
    TooMany {
        /// The number of keys.
        found: usize,
    },
    /// Another process has changed the file meanwhile, or is about to.
    #[error("another process changes the file")]
    Conflict,
    /// No key can be created.
    #[error(transparent)]
    Key(#[from] KeyRingError),
}

impl StoredKeys {
    /// Reads a file. It blocks.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let (ring, _, metadata) = read(path)?;
        Self::new(&ring, &metadata)
    }

    /// Makes one step of a rotation, and returns the keys that the file then has. It blocks.
    ///
    /// The file is replaced atomically, keeps its owner, and only the owner (and the group, if it could
    /// before) can read it. Comments are not kept. A node reads it within seconds, and
    /// at once for a token of a key that it does not know. So nodes that read one file need
    /// [`KeyRotation::Sign`] alone. If they have copies, first stage a key and copy the file to each,
    /// then let it sign and copy the file again.
    ///
    /// A key is removed when its tokens have expired: the file was not changed for `token_ttl` and a
    /// minute.
    ///
    /// # Errors
    /// [`KeyRotationError`].
    pub fn rotate(
        path: &Path,
        step: KeyRotation,
        token_ttl: Duration,
        now: Timestamp,
    ) -> Result<Self, KeyRotationError> {
        let replacement = Replacement::create(path)?;
        let (ring, text, metadata) = read(replacement.path())?;
        let before = Self::new(&ring, &metadata)?;
        let due_at = before.retires_at(token_ttl);
        let mut keys = before.select(&ring, |state| state != KeyState::Verifies);
        if now < due_at {
            keys = ring.iter().cloned().collect();
        }
        let generate = || SigningKey::generate_at(before.next_creation(now));
        match (step, before.staged()) {
            (KeyRotation::Stage, Some(id)) => {
                return Err(KeyRotationError::Staged { id: id.to_owned() });
            }
            (KeyRotation::Stage, None) => keys.push(generate()?),
            (KeyRotation::Sign, staged) => {
                let position = keys.iter().position(|key| Some(key.id()) == staged);
                let key = match position {
                    Some(position) => keys.remove(position),
                    None => generate()?,
                };
                keys.insert(0, key);
            }
            (KeyRotation::Retire, _) if !before.has_retired() => return Ok(before),
            (KeyRotation::Retire, _) if now < due_at => {
                return Err(KeyRotationError::TooEarly { until: due_at });
            }
            (KeyRotation::Retire, _) => {}
        }
        if keys.len() > MAX_KEYS {
            return Err(KeyRotationError::TooMany { found: ring.iter().count() });
        }
        // The same key twice, if the clock and the random octets are the same, is an error.
        let ring = KeyRing::new(keys)?;
        replacement.write(&ring, &text, &metadata)?;
        Ok(Self::read(path)?)
    }

    /// Returns the keys; the first one signs.
    #[must_use]
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// Returns the time at which the file was last changed: the key that signs did so since then, at
    /// the latest.
    #[must_use]
    pub const fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Returns whether there are keys that have signed earlier.
    #[must_use]
    pub fn has_retired(&self) -> bool {
        self.keys.iter().any(|key| key.state == KeyState::Verifies)
    }

    /// Returns the time from which on keys that have signed earlier can be removed, if the tokens have
    /// this lifetime.
    #[must_use]
    pub fn retires_at(&self, token_ttl: Duration) -> Timestamp {
        time::add(self.changed_at, token_ttl.saturating_add(MARGIN))
    }

    fn new(ring: &KeyRing, metadata: &Metadata) -> Result<Self, KeyFileError> {
        let signs_since = ring.newest().created_at();
        let state = |position, created_at: Option<Timestamp>| match position {
            0 => KeyState::Signs,
            _ if created_at > signs_since => KeyState::Staged,
            _ => KeyState::Verifies,
        };
        let key = |(position, key): (usize, &SigningKey)| {
            let created_at = key.created_at();
            StoredKey { id: key.id().to_owned(), created_at, state: state(position, created_at) }
        };
        let changed_at = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
        Ok(Self { keys: ring.iter().enumerate().map(key).collect(), changed_at })
    }

    /// Returns the time for the ID of a new key, which tells the order of the keys in whole seconds:
    /// after all others, also within the same second or if the clock was set back.
    fn next_creation(&self, now: Timestamp) -> Timestamp {
        let created = self.keys.iter().filter_map(|key| key.created_at).max();
        created.map_or(now, |created| now.max(time::add(created, Duration::from_secs(1))))
    }

    fn staged(&self) -> Option<&str> {
        let key = self.keys.iter().find(|key| key.state == KeyState::Staged)?;
        Some(&key.id)
    }

    /// Returns the keys of a ring whose states match.
    fn select(&self, ring: &KeyRing, matches: impl Fn(KeyState) -> bool) -> Vec<SigningKey> {
        let keys = ring.iter().zip(&self.keys);
        keys.filter(|(_, stored)| matches(stored.state)).map(|(key, _)| key.clone()).collect()
    }
}

impl KeyState {
    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signs => "signs",
            Self::Staged => "staged",
            Self::Verifies => "verifies",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the keys, the text, and the metadata of the file.
fn read(path: &Path) -> Result<(KeyRing, Zeroizing<Vec<u8>>, Metadata), KeyFileError> {
    // Before the content: a change in between is one that was made earlier.
    let metadata = fs::metadata(path)?;
    let text = read_secret(path, &AtomicBool::new(true))?;
    let ring = str::from_utf8(&text)?.parse()?;
    Ok((ring, text, metadata))
}

#[cfg(test)]
mod tests;
