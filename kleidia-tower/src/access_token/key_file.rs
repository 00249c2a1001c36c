//! Keys from a file, which is read again when it changes.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_guard::{Polled, event, log_text_up_to};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::key_lookup::KeyLookup;
use super::last_valid_keys::MAX_SOURCE_CHARACTERS;
use super::{
    KeyError, KeyProvider, KeyRing, KeyTextError, SigningKey, last_valid_keys, new_key_file,
};
use crate::{Clock as _, HealthError, SettingError, SystemClock};

const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The maximum length in octets. Sixteen keys of 32 octets need about 1,000.
const MAX_FILE_LENGTH: usize = 16 * 1024;

/// Keys from a file, which is read again when it changes.
///
/// The file is UTF-8 text of at most 16 KiB, in the form that
/// [`KeyRing::from_str`](std::str::FromStr::from_str) reads. [`Self::open_or_create`] creates it
/// with a random key if it is missing.
///
/// # Reload
/// A thread of its own reads the file every 5 seconds by default, so it also notices a replaced
/// symbolic link, and async workers never wait for the file. The thread ends when the `KeyFile` is
/// dropped. It is also read for a token that names an unknown key, at most once a second; only
/// requests with such tokens wait for it. Valid keys take effect immediately. If the file is
/// invalid or missing, the last valid keys stay active; [`Self::last_error`] returns the reason,
/// and an event of level error is logged once per problem. [`Self::age`] returns the time since the
/// last successful read, and
/// [`health`](KeyProvider::health) fails while the file cannot be read, or if the thread makes no
/// progress. A panic in the thread is logged, and does not end it.
///
/// To change the file, write another one and rename it. [`StoredKeys::rotate`](super::StoredKeys)
/// rotates its keys, and [`KeyRing`] describes what that means for nodes.
///
/// # Permissions
/// On Unix, an event of level warn is logged if users other than the owner and the group can read
/// or write the file.
///
/// ```
/// use kleidia_tower::access_token::{KeyFile, KeyProvider};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("access-token.keys");
/// let keys = KeyFile::open_or_create(path)?;
/// assert!(keys.try_current().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyFile {
    path: PathBuf,
    keys: Arc<Polled<KeyRing, KeyFileError>>,
    withdrawals: watch::Sender<()>,
    lookup: KeyLookup,
}

/// Options of a [`KeyFile`].
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::access_token::KeyFile;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("access-token.keys");
/// // Read again only on request.
/// let keys = KeyFile::options().with_poll_interval(Duration::MAX)?.open_or_create(path)?;
///
/// // In the handler of SIGHUP:
/// if let Err(error) = keys.reload() {
///     eprintln!("{}: {error}", keys.path().display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyFileOptions {
    poll_interval: Duration,
}

/// An error from opening or reloading a [`KeyFile`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read, for example because it is missing.
    #[error("failed to read the file: {0}")]
    Read(#[from] io::Error),
    /// The file cannot be created.
    #[error("failed to create the file: {0}")]
    Create(#[source] io::Error),
    /// The path is a directory, a pipe or a device.
    #[error("not a regular file")]
    NotRegular,
    /// The file is too large.
    #[error("the file has more than {limit} octets")]
    TooLarge {
        /// The maximum length in octets.
        limit: usize,
    },
    /// The file is not UTF-8.
    #[error("the file is not UTF-8: {0}")]
    Encoding(#[from] Utf8Error),
    /// The content is invalid.
    #[error(transparent)]
    Keys(#[from] KeyTextError),
    /// The thread that polls the file cannot be started.
    #[error("failed to start the polling thread: {0}")]
    SpawnThread(#[source] io::Error),
}

impl KeyFile {
    /// Reads the file, then polls it for changes. It blocks during the read.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or is invalid.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        Self::options().open(path)
    }

    /// Opens the file, and creates it before with one random key if it is missing.
    ///
    /// The file is created atomically: of several processes that start at the same time, one
    /// creates it and all read the same key. On Unix only its owner can access it (mode 0600).
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be created or read, or is invalid.
    pub fn open_or_create(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        Self::options().open_or_create(path)
    }

    /// Returns the default options, which can be changed before the file is opened.
    #[must_use]
    pub const fn options() -> KeyFileOptions {
        KeyFileOptions { poll_interval: DEFAULT_POLL_INTERVAL }
    }

    /// Reads the file immediately. It blocks during the read.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or is invalid. The last valid keys stay active.
    pub fn reload(&self) -> Result<(), Arc<KeyFileError>> {
        self.keys.reload()
    }

    /// Returns the error of the last read, or `None` if it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<KeyFileError>> {
        self.keys.last_error()
    }

    /// Returns the time since the last successful read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.keys.supervisor().age().unwrap_or_default()
    }

    /// Reads the file without blocking the caller's thread.
    fn read_again(&self) -> impl Future<Output = ()> + Send + use<> {
        let keys = Arc::clone(&self.keys);
        async move {
            let read = move || drop(keys.supervisor().run_iteration(|| keys.reload()));
            #[expect(clippy::disallowed_methods, reason = "supervised: the read is an iteration")]
            drop(tokio::task::spawn_blocking(read).await);
        }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl KeyFileOptions {
    /// Sets the time between two reads: at least 100 milliseconds, 5 seconds by default. With
    /// [`Duration::MAX`] only [`KeyFile::reload`] and tokens with unknown keys cause reads.
    ///
    /// # Errors
    /// [`SettingError`] below the minimum.
    pub fn with_poll_interval(self, interval: Duration) -> Result<Self, SettingError> {
        let bounds = MIN_POLL_INTERVAL..=Duration::MAX;
        Ok(Self { poll_interval: SettingError::check("poll interval", interval, bounds)? })
    }

    /// Reads the file, then polls it for changes; see [`KeyFile::open`].
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or is invalid.
    pub fn open(self, path: impl Into<PathBuf>) -> Result<KeyFile, KeyFileError> {
        let path = path.into();
        let (file, was_exposed) = (path.clone(), AtomicBool::new(false));
        let read = move || read(&file, &was_exposed);
        let started_at = Instant::now();
        let (source, interval) = (path.display().to_string(), self.poll_interval);
        let keys = last_valid_keys::new(source.clone(), read()?, started_at, interval);
        let withdrawals = watch::Sender::new(());
        let notified = withdrawals.clone();
        let keys = Polled::start(keys, interval, move |keys| {
            read().map(|read| last_valid_keys::set(keys, &source, &notified, read))
        });
        let keys = Arc::new(keys.map_err(KeyFileError::SpawnThread)?);
        Ok(KeyFile { path, keys, withdrawals, lookup: KeyLookup::new() })
    }

    /// Opens the file, and creates it before if it is missing; see [`KeyFile::open_or_create`].
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be created or read, or is invalid.
    pub fn open_or_create(self, path: impl Into<PathBuf>) -> Result<KeyFile, KeyFileError> {
        let path = path.into();
        let generate = || {
            let key = match SystemClock.now() {
                Some(now) => SigningKey::generate_at(now),
                None => SigningKey::generate(),
            };
            key.map(|key| key.to_text()).map_err(io::Error::other)
        };
        new_key_file::create_if_missing(&path, generate).map_err(KeyFileError::Create)?;
        self.open(path)
    }
}

/// Returns the keys.
fn read(path: &Path, was_exposed: &AtomicBool) -> Result<KeyRing, KeyFileError> {
    let octets = read_secret(path, was_exposed)?;
    Ok(str::from_utf8(&octets)?.parse()?)
}

/// Returns the content of a key file. Logs if other users can access it, once while they can.
pub(crate) fn read_secret(
    path: &Path,
    was_exposed: &AtomicBool,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(KeyFileError::NotRegular);
    }
    let file = File::open(path)?;
    let is_exposed = is_world_accessible(&file.metadata()?);
    // With spare capacity, so that it does not grow: growing would leave copies in memory.
    let mut octets = Zeroizing::new(Vec::with_capacity(MAX_FILE_LENGTH + 64));
    file.take(MAX_FILE_LENGTH as u64 + 1).read_to_end(&mut octets)?;
    if octets.len() > MAX_FILE_LENGTH {
        return Err(KeyFileError::TooLarge { limit: MAX_FILE_LENGTH });
    }
    if !was_exposed.swap(is_exposed, Ordering::Relaxed) && is_exposed {
        let path = log_text_up_to(MAX_SOURCE_CHARACTERS, path.display());
        event!(warn, path, "key file is accessible to other users");
    }
    Ok(octets)
}

#[cfg(unix)]
fn is_world_accessible(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.permissions().mode() & 0o006 != 0
}

#[cfg(not(unix))]
const fn is_world_accessible(_: &Metadata) -> bool {
    false
}

#[async_trait]
impl KeyProvider for KeyFile {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(KeyRing::clone(&self.keys.value()))
    }

    fn try_current(&self) -> Option<KeyRing> {
        Some(KeyRing::clone(&self.keys.value()))
    }

    async fn keys_with(&self, id: &str) -> Result<Option<KeyRing>, KeyError> {
        self.lookup.find(id, &self.keys, self.read_again()).await
    }

    async fn refresh(&self) -> Result<(), KeyError> {
        self.lookup.refresh(&self.keys, self.read_again()).await
    }

    fn withdrawals(&self) -> Option<watch::Receiver<()>> {
        Some(self.withdrawals.subscribe())
    }

    fn health(&self) -> Result<(), HealthError> {
        self.keys.supervisor().health()
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.path)
            .field("keys", &*self.keys.value())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}
