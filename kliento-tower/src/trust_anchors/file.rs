//! Trust anchors from a file, which is polled for changes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_guard::{LastValid, Polled, Supervisor, event, log_text_up_to};

use super::file_contents::Contents;
use super::schedule::Schedule;
use super::{
    SkippedAnchor, TrustAnchorError, TrustAnchorFileError, TrustAnchorStore, TrustAnchors,
};
use crate::polled_file::{DEFAULT_POLL_INTERVAL, MAX_LOGGED_CHARACTERS, check_poll_interval};
use crate::{Clock, HealthError, SettingError, SystemClock};

/// Trust anchors from a file, which is polled for changes.
///
/// The file is UTF-8, has at most 1 MiB and 64 anchors, and contains one of:
/// - DS records of the root, one per line: `38696 8 2 683D..` or, as in a zone file,
///   `. 86400 IN DS 38696 8 2 683D..` (RFC 4034, 5.3), without parentheses. Comments follow a `;`,
///   or take up a line that begins with `#`. These anchors are always valid.
/// - IANA's `root-anchors.xml` (RFC 9718, RFC 7958), <https://data.iana.org/root-anchors/>. Its
///   signature is not verified: verify it before you deploy the file. Each anchor is valid from its
///   `validFrom` (inclusive) to its `validUntil` (exclusive).
///
/// A file with a malformed part is rejected as a whole. Anchors with an unsupported algorithm or
/// digest type, or with a digest that does not match the public key of the same element (RFC 9718,
/// 2.2), are skipped: see [`Self::skipped`]. A file without other anchors is rejected.
///
/// # Changes
/// A thread re-reads the file every 5 seconds by default and compares the contents, so it also
/// detects a swapped symlink. Requests never wait for it. The thread ends when the store is
/// dropped.
///
/// A valid file takes effect immediately. If the file is invalid or missing, the last valid anchors
/// stay active, [`Self::last_error`] returns the error, and one event of level error is logged per
/// problem. An event of level info follows when the file is valid again. [`Self::age`] returns the
/// time since the last successful read, and [`Self::health`] whether reading works. A panic in the
/// thread, for example of the clock, is logged, and does not end it.
///
/// Replace the file by renaming another one over it. A partially written XML file or DS record is
/// invalid, but a list of DS records that ends between two lines is valid, with fewer anchors.
///
/// # Expiry
/// When the validity of the last anchor ends, the layer responds with 503. This is reported like an
/// invalid file, as [`TrustAnchorFileError::NoValidAnchor`].
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
    path: Arc<Path>,
    clock: Arc<dyn Clock>,
    active: Polled<ActiveAnchors, TrustAnchorFileError>,
}

/// Options for opening a [`TrustAnchorFile`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use kliento_tower::{KlientoAuthLayer, TrustAnchorFile};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("anchors.ds");
/// # std::fs::write(&path, "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16")?;
/// // Re-read on SIGHUP only.
/// let anchors = TrustAnchorFile::options().with_poll_interval(Duration::MAX)?.open(path)?;
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
    poll_interval: Duration,
    clock: Arc<dyn Clock>,
}

struct ActiveAnchors {
    contents: Contents,
    schedule: Schedule,
}

impl TrustAnchorFile {
    /// Reads the file, and polls it from then on. Blocks during the first read.
    ///
    /// # Errors
    /// [`TrustAnchorFileError`] if the file is unreadable, invalid, or has no anchor that is valid
    /// at this time.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TrustAnchorFileError> {
        Self::options().open(path)
    }

    /// Returns the default options.
    #[must_use]
    pub fn options() -> TrustAnchorFileOptions {
        TrustAnchorFileOptions {
            poll_interval: DEFAULT_POLL_INTERVAL,
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads the file now instead of at the next poll. Blocks meanwhile.
    ///
    /// # Errors
    /// [`TrustAnchorFileError`] if the file is unreadable or invalid: the last valid anchors stay
    /// active. [`TrustAnchorFileError::NoValidAnchor`] if the file takes effect, but none of its
    /// anchors is valid at this time.
    pub fn reload(&self) -> Result<(), Arc<TrustAnchorFileError>> {
        self.active.reload()
    }

    /// Returns the error of the last read, or `None` if it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<TrustAnchorFileError>> {
        self.active.last_error()
    }

    /// Returns the time since the last successful read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.active.supervisor().age().unwrap_or_default()
    }

    /// Checks that changes of the file are noticed, for a health route.
    ///
    /// # Errors
    /// [`HealthError`] while the file is unreadable or invalid, or if the thread makes no progress.
    pub fn health(&self) -> Result<(), HealthError> {
        self.active.supervisor().health()
    }

    /// Returns the anchors of the last valid file that are not used.
    #[must_use]
    pub fn skipped(&self) -> Vec<SkippedAnchor> {
        self.active.value().contents.skipped.clone()
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl TrustAnchorFileOptions {
    /// Sets the time between two reads: at least 100 milliseconds; 5 seconds by default.
    ///
    /// With [`Duration::MAX`] only [`TrustAnchorFile::reload`] reads the file again.
    ///
    /// # Errors
    /// [`SettingError`] below the minimum.
    pub fn with_poll_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        self.poll_interval = check_poll_interval(interval)?;
        Ok(self)
    }

    /// Sets the clock that the validity of anchors is compared with; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Reads the file, and polls it from then on.
    ///
    /// # Errors
    /// As [`TrustAnchorFile::open`].
    pub fn open(self, path: impl Into<PathBuf>) -> Result<TrustAnchorFile, TrustAnchorFileError> {
        let path: Arc<Path> = path.into().into();
        let started_at = Instant::now();
        let active = ActiveAnchors::new(Contents::read(&path)?, &path);
        active.check(&*self.clock)?;
        let active = LastValid::new(Supervisor::new("trust-anchors"), active, started_at, {
            let path = Arc::clone(&path);
            move |error| log_change(&path, error)
        });
        let (file, clock) = (Arc::clone(&path), Arc::clone(&self.clock));
        let active = Polled::start(active, self.poll_interval, move |active| {
            let contents = Contents::read(&file)?;
            if active.value().contents != contents {
                active.set(ActiveAnchors::new(contents, &file));
            }
            // A valid file whose anchors have expired takes effect, so the previous anchors must
            // not stay.
            active.value().check(&*clock)
        });
        let active = active.map_err(TrustAnchorFileError::SpawnThread)?;
        Ok(TrustAnchorFile { path, clock: self.clock, active })
    }
}

fn log_change(path: &Path, error: Option<&TrustAnchorFileError>) {
    let path = log_text_up_to(MAX_LOGGED_CHARACTERS, path.display());
    match error {
        Some(error) => {
            let error = log_text_up_to(MAX_LOGGED_CHARACTERS, error);
            event!(error, path, error, "invalid trust anchor file, keeping the last valid anchors");
        }
        None => event!(info, path, "trust anchor file valid again"),
    }
}

impl ActiveAnchors {
    fn new(contents: Contents, path: &Path) -> Self {
        let path = log_text_up_to(MAX_LOGGED_CHARACTERS, path.display());
        event!(info, path, anchors = contents.anchors.len(), "trust anchors loaded");
        for skipped in &contents.skipped {
            let skipped = log_text_up_to(MAX_LOGGED_CHARACTERS, skipped);
            event!(warn, path, skipped, "trust anchor skipped");
        }
        Self { schedule: Schedule::new(&contents.anchors), contents }
    }

    fn check(&self, clock: &dyn Clock) -> Result<(), TrustAnchorFileError> {
        self.schedule.at(clock.now()).map(drop).ok_or(TrustAnchorFileError::NoValidAnchor)
    }
}

#[async_trait]
impl TrustAnchorStore for TrustAnchorFile {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        self.try_current().ok_or_else(|| TrustAnchorError::new(TrustAnchorFileError::NoValidAnchor))
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        self.active.value().schedule.at(self.clock.now()).cloned()
    }
}

impl fmt::Debug for TrustAnchorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchorFile")
            .field("path", &self.path)
            .field("current", &self.try_current())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TrustAnchorFileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchorFileOptions")
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}
