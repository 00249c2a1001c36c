//! Keys from a file, which is read again when it changes.

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::Utf8Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::held_keys::HeldKeys;
use super::{KeyError, KeyProvider, KeyRing, KeyTextError};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// In octets. Sixteen keys of 32 octets have about 2,000.
const MAX_FILE_LENGTH: usize = 16 * 1024;

/// Keys from a file, which is read again when it changes.
///
/// The file, of at most 16 KiB in UTF-8, holds text of the form that
/// [`KeyRing::from_str`](std::str::FromStr::from_str) reads.
///
/// # Change
/// A thread of its own reads the file every 5 seconds, by default, so that it notices a swapped
/// symlink as well, and the async workers never wait for it. It ends when this is dropped. What a
/// good file says is in force at once. A file that is bad or gone changes nothing: the last good
/// keys stay, [`Self::last_error`] tells why, and one event of level error per problem does.
///
/// Replace the file by renaming another one over it. See [`KeyRing`] for how keys rotate where
/// several nodes read them.
///
/// # Permissions
/// A file that others than its owner and group may read or write is told by an event of level
/// warn, where the system has such permissions.
///
/// ```
/// use kleidia_tower::access_token::{KeyFile, KeyProvider};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("keys");
/// # std::fs::write(&path, "2026-11:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=")?;
/// let keys = KeyFile::open(path)?;
/// assert!(keys.current().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyFile {
    watched: Arc<Watched>,
    /// Never sends: that it is gone tells the thread to end.
    _alive: Sender<Infallible>,
}

/// How to open a [`KeyFile`].
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::access_token::KeyFile;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("keys");
/// # std::fs::write(&path, "2026-11:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=")?;
/// // Read again when the service is told to, and not otherwise.
/// let keys = KeyFile::options().with_interval(Duration::MAX).open(path)?;
///
/// // In the handler of SIGHUP:
/// if let Err(error) = keys.reload() {
///     eprintln!("{}: {error}", keys.path().display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyFileOptions {
    interval: Duration,
}

/// Why a file gives no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file can't be read, for instance because it is not there.
    #[error("the file can't be read: {0}")]
    Read(#[from] io::Error),
    /// The path leads to a folder, a pipe or a device.
    #[error("not a regular file")]
    NotRegular,
    /// The file is larger than any file of keys.
    #[error("the file is larger than {limit} octets")]
    TooLarge {
        /// How many octets a file may have.
        limit: usize,
    },
    /// The file is not in UTF-8.
    #[error("the file is not in UTF-8: {0}")]
    Encoding(#[from] Utf8Error),
    /// What it says is wrong.
    #[error(transparent)]
    Keys(#[from] KeyTextError),
    /// The thread that watches the file can't be started.
    #[error("the file can't be watched: {0}")]
    Watch(#[source] io::Error),
}

struct Watched {
    path: PathBuf,
    held: HeldKeys<KeyFileError>,
    /// Whether others could get at the file when it was last read.
    is_exposed: AtomicBool,
    /// Readings take turns, so that an earlier one never replaces a later one.
    turn: Mutex<()>,
}

impl KeyFile {
    /// Reads the file, and watches it from then on.
    ///
    /// It blocks while it reads.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file can't be read or is bad, so that no service starts with it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        Self::options().open(path)
    }

    /// Options that can be changed before the file is opened.
    #[must_use]
    pub const fn options() -> KeyFileOptions {
        KeyFileOptions { interval: DEFAULT_INTERVAL }
    }

    /// Reads the file now, without waiting for the next turn.
    ///
    /// It blocks while it reads.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file can't be read or is bad; the last good keys stay.
    pub fn reload(&self) -> Result<(), Arc<KeyFileError>> {
        self.watched.reload()
    }

    /// What was wrong when the file was last read, or `None` if it was good.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<KeyFileError>> {
        self.watched.held.last_error()
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.watched.path
    }
}

impl KeyFileOptions {
    /// How long to wait between two readings: at least 100 milliseconds, by default 5 seconds. With
    /// [`Duration::MAX`] the file is read by [`KeyFile::reload`] alone.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(MIN_INTERVAL);
        self
    }

    /// Reads the file, and watches it from then on; see [`KeyFile::open`].
    ///
    /// # Errors
    /// [`KeyFileError`] if the file can't be read or is bad.
    pub fn open(self, path: impl Into<PathBuf>) -> Result<KeyFile, KeyFileError> {
        let path = path.into();
        let (keys, is_exposed) = read(&path)?;
        let held = HeldKeys::new(path.display().to_string(), keys);
        let watched = Watched { path, held, is_exposed: false.into(), turn: Mutex::new(()) };
        watched.tell_exposure(is_exposed);
        let watched = Arc::new(watched);
        let (alive, ended) = mpsc::channel();
        let watching = watched.clone();
        thread::Builder::new()
            .name("access-token-keys".to_owned())
            .spawn(move || watching.watch(self.interval, &ended))
            .map_err(KeyFileError::Watch)?;
        Ok(KeyFile { watched, _alive: alive })
    }
}

impl Watched {
    fn watch(&self, interval: Duration, ended: &Receiver<Infallible>) {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            // It is told by the events and `last_error`.
            let _: Result<(), _> = self.reload();
        }
    }

    fn reload(&self) -> Result<(), Arc<KeyFileError>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&self.path).map(|(keys, is_exposed)| {
            self.tell_exposure(is_exposed);
            keys
        });
        self.held.take(read)
    }

    fn tell_exposure(&self, is_exposed: bool) {
        let was_exposed = self.is_exposed.swap(is_exposed, Ordering::Relaxed);
        if is_exposed && !was_exposed {
            let path = self.path.display();
            tracing::warn!(%path, "others than its owner and group can get at the file of keys");
        }
    }
}

/// The keys, and whether others can get at the file.
fn read(path: &Path) -> Result<(KeyRing, bool), KeyFileError> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(KeyFileError::NotRegular);
    }
    let file = File::open(path)?;
    let is_exposed = is_exposed(&file.metadata()?);
    // With room for more than is read, so that it does not grow and leave copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(MAX_FILE_LENGTH + 64));
    file.take(MAX_FILE_LENGTH as u64 + 1).read_to_end(&mut octets)?;
    if octets.len() > MAX_FILE_LENGTH {
        return Err(KeyFileError::TooLarge { limit: MAX_FILE_LENGTH });
    }
    Ok((str::from_utf8(&octets)?.parse()?, is_exposed))
}

#[cfg(unix)]
fn is_exposed(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.permissions().mode() & 0o006 != 0
}

#[cfg(not(unix))]
const fn is_exposed(_: &Metadata) -> bool {
    false
}

#[async_trait]
impl KeyProvider for KeyFile {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(self.watched.held.current())
    }

    fn current(&self) -> Option<KeyRing> {
        Some(self.watched.held.current())
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.watched.path)
            .field("keys", &self.watched.held.current())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}
