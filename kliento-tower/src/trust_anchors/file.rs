//! Trust anchors from a file, which is read again when it changes.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;

use super::file_contents::Contents;
use super::schedule::Schedule;
use super::{
    SkippedAnchor, TrustAnchorError, TrustAnchorFileError, TrustAnchorStore, TrustAnchors,
};
use crate::{Clock, SystemClock};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Trust anchors from a file, which is read again when it changes.
///
/// The file, of at most 1 MiB and 64 anchors, in UTF-8, holds one of:
/// - DS records of the root, one a line: `38696 8 2 683D..` or, as in a zone file,
///   `. 86400 IN DS 38696 8 2 683D..` (RFC 4034, 5.3), without parentheses. What follows a `;` and
///   lines that begin with `#` are comments. They are always valid.
/// - IANA's `root-anchors.xml` (RFC 9718, RFC 7958), <https://data.iana.org/root-anchors/>. Its
///   signature is not verified: that is for whoever puts it in place. Each anchor is used from its
///   `validFrom` on, and until before its `validUntil`.
///
/// A malformed file is refused whole. Anchors with an algorithm or digest type that can't be
/// checked, or a public key beside them that has another digest (RFC 9718, 2.2), are skipped and
/// told by [`Self::skipped`]; a file with no other anchors is refused.
///
/// # Change
/// A thread of its own reads the file every 5 seconds, by default, and compares what it says, so
/// that it notices a swapped symlink as well; the async workers never wait for it. It ends when the
/// store is dropped. What a good file says is in force at once. A file that is bad or gone changes
/// nothing: the last good anchors stay, [`Self::last_error`] tells why, and one event of level
/// error per problem does; an event of level info tells when the file is good again.
///
/// Replace the file by renaming another one over it. XML that is written in part is refused, and
/// so is a DS record cut short, but a file of DS records that is cut between two lines is a good
/// one with fewer anchors, until the rest is written.
///
/// # Time
/// When the last anchor's validity lapses there is none: the layer answers 503, and the same
/// problem is told as for a bad file, as [`TrustAnchorFileError::NoneValid`].
///
/// ```
/// use kliento_tower::{KlientoAuthLayer, TrustAnchorFile};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("root-anchors.xml");
/// # std::fs::write(&path, "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16")?;
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_trust_anchors(TrustAnchorFile::open(path)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TrustAnchorFile {
    watched: Arc<Watched>,
    /// Never sends: that it is gone tells the thread to end.
    _alive: Sender<Infallible>,
}

/// How to open a [`TrustAnchorFile`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use kliento_tower::{KlientoAuthLayer, TrustAnchorFile};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("anchors.ds");
/// # std::fs::write(&path, "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16")?;
/// // Read again when the service is told to, and not otherwise.
/// let anchors = TrustAnchorFile::options().with_interval(Duration::MAX).open(path)?;
/// let anchors = Arc::new(anchors);
/// let layer = KlientoAuthLayer::new("https://api.example.com").with_trust_anchors(anchors.clone());
///
/// // In the handler of SIGHUP:
/// if let Err(error) = anchors.reload() {
///     eprintln!("{}: {error}", anchors.path().display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TrustAnchorFileOptions {
    interval: Duration,
    clock: Box<dyn Clock>,
}

struct Watched {
    path: PathBuf,
    clock: Box<dyn Clock>,
    in_force: ArcSwap<InForce>,
    last_error: ArcSwapOption<TrustAnchorFileError>,
    /// Readings take turns, so that an earlier one never replaces a later one.
    turn: Mutex<()>,
}

struct InForce {
    contents: Contents,
    schedule: Schedule,
}

impl TrustAnchorFile {
    /// Reads the file, and watches it from then on.
    ///
    /// It blocks while it reads.
    ///
    /// # Errors
    /// [`TrustAnchorFileError`] if the file can't be read, is bad, or has no anchor that is valid
    /// now, so that no service starts with it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TrustAnchorFileError> {
        Self::options().open(path)
    }

    /// Options that can be changed before the file is opened.
    #[must_use]
    pub fn options() -> TrustAnchorFileOptions {
        TrustAnchorFileOptions { interval: DEFAULT_INTERVAL, clock: Box::new(SystemClock) }
    }

    /// Reads the file now, without waiting for the next turn.
    ///
    /// It blocks while it reads.
    ///
    /// # Errors
    /// [`TrustAnchorFileError`] if the file can't be read or is bad, and the last good anchors
    /// stay; or if what the file says, which is in force then, is that no anchor is valid now.
    pub fn reload(&self) -> Result<(), Arc<TrustAnchorFileError>> {
        self.watched.reload()
    }

    /// What was wrong when the file was last read, or `None` if it was good.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<TrustAnchorFileError>> {
        self.watched.last_error.load_full()
    }

    /// The anchors of the last good file that are not used.
    #[must_use]
    pub fn skipped(&self) -> Vec<SkippedAnchor> {
        self.watched.in_force.load().contents.skipped.clone()
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.watched.path
    }
}

impl TrustAnchorFileOptions {
    /// How long to wait between two readings: at least 100 milliseconds, by default 5 seconds. With
    /// [`Duration::MAX`] the file is read by [`TrustAnchorFile::reload`] alone.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(MIN_INTERVAL);
        self
    }

    /// The clock by which the anchors are valid; by default the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Reads the file, and watches it from then on; see [`TrustAnchorFile::open`].
    ///
    /// # Errors
    /// [`TrustAnchorFileError`] if the file can't be read, is bad, or has no anchor that is valid
    /// now.
    pub fn open(self, path: impl Into<PathBuf>) -> Result<TrustAnchorFile, TrustAnchorFileError> {
        let path = path.into();
        let in_force = InForce::new(Contents::read(&path)?, &path);
        let watched = Arc::new(Watched {
            path,
            clock: self.clock,
            in_force: ArcSwap::from_pointee(in_force),
            last_error: ArcSwapOption::empty(),
            turn: Mutex::new(()),
        });
        watched.current().ok_or(TrustAnchorFileError::NoneValid)?;
        let (alive, ended) = mpsc::channel();
        let watching = watched.clone();
        thread::Builder::new()
            .name("trust-anchors".to_owned())
            .spawn(move || watching.watch(self.interval, &ended))
            .map_err(TrustAnchorFileError::Watch)?;
        Ok(TrustAnchorFile { watched, _alive: alive })
    }
}

impl Watched {
    fn current(&self) -> Option<TrustAnchors> {
        self.in_force.load().schedule.at(self.clock.now()).cloned()
    }

    fn watch(&self, interval: Duration, ended: &Receiver<Infallible>) {
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            // It is told by the events and `last_error`.
            let _: Result<(), _> = self.reload();
        }
    }

    fn reload(&self) -> Result<(), Arc<TrustAnchorFileError>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.read().map_err(Arc::new);
        self.tell(outcome.as_ref().err());
        outcome
    }

    fn read(&self) -> Result<(), TrustAnchorFileError> {
        let contents = Contents::read(&self.path)?;
        if self.in_force.load().contents != contents {
            self.in_force.store(Arc::new(InForce::new(contents, &self.path)));
        }
        // A sound file whose anchors have lapsed withdraws them; the ones before it must not stay.
        self.current().map(drop).ok_or(TrustAnchorFileError::NoneValid)
    }

    /// Says what changed; a problem that lasts is said once.
    fn tell(&self, error: Option<&Arc<TrustAnchorFileError>>) {
        let before = self.last_error.swap(error.cloned());
        let path = self.path.display();
        match (before, error) {
            (Some(before), Some(error)) if before.to_string() == error.to_string() => {}
            (_, Some(error)) => {
                tracing::error!(%path, %error, "bad trust anchor file");
            }
            (Some(_), None) => tracing::info!(%path, "the trust anchor file is good again"),
            (None, None) => {}
        }
    }
}

impl InForce {
    fn new(contents: Contents, path: &Path) -> Self {
        let path = path.display();
        tracing::info!(%path, anchors = contents.anchors.len(), "trust anchors read");
        for skipped in &contents.skipped {
            tracing::warn!(%path, %skipped, "trust anchor skipped");
        }
        Self { schedule: Schedule::new(&contents.anchors), contents }
    }
}

#[async_trait]
impl TrustAnchorStore for TrustAnchorFile {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        self.current().ok_or_else(|| TrustAnchorError::new(TrustAnchorFileError::NoneValid))
    }

    fn current(&self) -> Option<TrustAnchors> {
        self.watched.current()
    }
}

impl fmt::Debug for TrustAnchorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchorFile")
            .field("path", &self.watched.path)
            .field("current", &self.current())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TrustAnchorFileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchorFileOptions")
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
