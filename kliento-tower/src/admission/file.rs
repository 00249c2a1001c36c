//! Rules from a file, which is polled for changes.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "metrics")]
use http_guard::telemetry::isolate;
use http_guard::{LastValid, Polled, Supervisor, event, log_text_up_to};

use super::document;
use super::file_error::AdmissionFileError;
use super::{Admission, AdmissionStore, Rules};
use crate::polled_file::{
    DEFAULT_POLL_INTERVAL, MAX_LOGGED_CHARACTERS, check_poll_interval, read_text,
};
use crate::{HealthError, SettingError};

/// Rules from a TOML file, which is polled for changes.
///
/// The file is UTF-8 and has at most 1 MiB. Its entries are those of an [`Admission`]:
///
/// ```toml
/// # Wins over all rules.
/// [deny]
/// organisations = ["test.example.com", "*.test.example.com"]
/// subjects = ["mallory@partner.example"]
///
/// # One rule has to allow a workload.
/// [[allow]]
/// organisations = ["example.com", "*.example.com"]
///
/// # All conditions of a rule have to be met.
/// [[allow]]
/// organisations = ["partner.example"]
/// subjects = ["ci@other.example", "bot.example"]
/// audiences = ["https://api.example.com/deploy"]
/// signers = ["member"]
/// claims = { role = ["deploy", "admin"], team = "payments", ticket = true }
///
/// # The first one that names the organisation applies.
/// [[quota]]
/// organisations = ["partner.example"]
/// requests = 6000
/// period = 60
///
/// [[quota]]
/// requests = 60
/// period = 60
/// burst = 10
/// ```
///
/// | key | meaning |
/// |---|---|
/// | `organisations` | `example.com` with all its members, `*.example.com` (every organisation below it), `*` (every organisation) |
/// | `subjects` | `alice@example.com`, or `example.com` for that organisation's bot |
/// | `audiences` | some of the layer's; by default all |
/// | `signers` | `member`, `organisation`; by default both |
/// | `claims` | a text, a list of texts of which one is required, or `true` for any value |
/// | `requests`, `period`, `burst` | requests per period in seconds, and how many at once: see [`Quota`](super::Quota) |
///
/// A file with a fault is rejected as a whole, and the error has its line and column. Faults are
/// unknown keys, empty lists, duplicate names, numbers out of bounds, a rule that names neither
/// organisations nor subjects, a quota for an organisation to which an earlier one applies, and a
/// file without a rule: an empty file admits no workload, and never all of them. A file has at most 256 rules and 256 quotas.
///
/// # Changes
/// A thread re-reads the file every 5 seconds by default and compares the contents, so it also
/// detects a swapped symlink. Requests never wait for it. The thread ends when the store is
/// dropped.
///
/// A valid file takes effect on the next request, and on open streams within their lease. What
/// organisations have used of a quota stays if its numbers do. If the file is invalid or missing,
/// the last valid rules stay active, [`Self::last_error`] returns the error, and one event of level
/// warn is logged per problem. An event of level info follows when the file is valid again.
/// [`Self::age`] returns the time since the last successful read, and [`Self::health`] whether
/// reading works. The metric `kliento_admission_file_valid` is 1 or 0 (feature `metrics`).
///
/// Replace the file by renaming another one over it. A partially written file may be valid, with
/// fewer rules or fewer conditions.
///
/// ```
/// use kliento_tower::{AdmissionFile, KlientoAuthLayer};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("admission.toml");
/// # std::fs::write(&path, "[[allow]]\norganisations = ['partner.example']")?;
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_admission(AdmissionFile::open(path)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AdmissionFile {
    path: Arc<Path>,
    active: Polled<ActiveRules, AdmissionFileError>,
}

/// Options for opening an [`AdmissionFile`].
///
/// ```
/// use std::time::Duration;
/// use kliento_tower::AdmissionFile;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("admission.toml");
/// # std::fs::write(&path, "[[allow]]\norganisations = ['partner.example']")?;
/// // Re-read by `reload` only.
/// let rules = AdmissionFile::options().with_poll_interval(Duration::MAX)?.open(path)?;
/// rules.reload()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AdmissionFileOptions {
    poll_interval: Duration,
    audiences: Option<HashSet<String>>,
}

struct ActiveRules {
    text: String,
    rules: Admission,
}

impl AdmissionFile {
    /// Reads the file, and polls it from then on. Blocks during the first read.
    ///
    /// # Errors
    /// [`AdmissionFileError`] if the file is unreadable or invalid.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, AdmissionFileError> {
        Self::options().open(path)
    }

    /// Returns the default options.
    #[must_use]
    pub const fn options() -> AdmissionFileOptions {
        AdmissionFileOptions { poll_interval: DEFAULT_POLL_INTERVAL, audiences: None }
    }

    /// Reads the file now instead of at the next poll. Blocks meanwhile.
    ///
    /// # Errors
    /// [`AdmissionFileError`] if the file is unreadable or invalid: the last valid rules stay
    /// active.
    pub fn reload(&self) -> Result<(), Arc<AdmissionFileError>> {
        self.active.reload()
    }

    /// Returns the error of the last read, or `None` if it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<AdmissionFileError>> {
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

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AdmissionFileOptions {
    /// Sets the time between two reads: at least 100 milliseconds; 5 seconds by default.
    ///
    /// With [`Duration::MAX`] only [`AdmissionFile::reload`] reads the file again.
    ///
    /// # Errors
    /// [`SettingError`] below the minimum.
    pub fn with_poll_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        self.poll_interval = check_poll_interval(interval)?;
        Ok(self)
    }

    /// Rejects files with a rule for another audience than these, which are those of the layer: it
    /// would never apply. By default all are allowed.
    #[must_use]
    pub fn with_audiences<T: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = T>,
    ) -> Self {
        let known = self.audiences.get_or_insert_default();
        known.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Reads the file, and polls it from then on.
    ///
    /// # Errors
    /// As [`AdmissionFile::open`].
    pub fn open(self, path: impl Into<PathBuf>) -> Result<AdmissionFile, AdmissionFileError> {
        let path: Arc<Path> = path.into().into();
        let started_at = Instant::now();
        let active = ActiveRules::new(read_text(&path)?, &path, self.audiences.as_ref())?;
        record_validity(true);
        let active = LastValid::new(Supervisor::new("admission"), active, started_at, {
            let path = Arc::clone(&path);
            move |error| log_change(&path, error)
        });
        let (file, audiences) = (Arc::clone(&path), self.audiences);
        let active = Polled::start(active, self.poll_interval, move |active| {
            let outcome = reload(active, &file, audiences.as_ref());
            record_validity(outcome.is_ok());
            outcome
        });
        let active = active.map_err(AdmissionFileError::SpawnThread)?;
        Ok(AdmissionFile { path, active })
    }
}

impl ActiveRules {
    fn new(
        text: String,
        path: &Path,
        audiences: Option<&HashSet<String>>,
    ) -> Result<Self, AdmissionFileError> {
        let rules = document::parse(&text, audiences)?;
        let path = log_text_up_to(MAX_LOGGED_CHARACTERS, path.display());
        let Rules { allowed, quotas, .. } = &*rules.0;
        event!(info, path, rules = allowed.len(), quotas = quotas.len(), "admission rules loaded");
        Ok(Self { text, rules })
    }
}

fn reload(
    active: &LastValid<ActiveRules, AdmissionFileError>,
    path: &Path,
    audiences: Option<&HashSet<String>>,
) -> Result<(), AdmissionFileError> {
    let text = read_text(path)?;
    if active.value().text != text {
        active.set(ActiveRules::new(text, path, audiences)?);
    }
    Ok(())
}

fn log_change(path: &Path, error: Option<&AdmissionFileError>) {
    let path = log_text_up_to(MAX_LOGGED_CHARACTERS, path.display());
    match error {
        Some(error) => {
            let error = log_text_up_to(MAX_LOGGED_CHARACTERS, error);
            event!(warn, path, error, "invalid admission file, keeping the last valid rules");
        }
        None => event!(info, path, "admission file valid again"),
    }
}

/// Records `kliento_admission_file_valid`.
#[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "a metric"))]
fn record_validity(is_valid: bool) {
    #[cfg(feature = "metrics")]
    isolate(|| {
        #[expect(clippy::disallowed_macros, reason = "isolated: above")]
        metrics::gauge!("kliento_admission_file_valid").set(if is_valid { 1.0 } else { 0.0 });
    });
}

impl AdmissionStore for AdmissionFile {
    fn current(&self) -> Admission {
        self.active.value().rules.clone()
    }
}

impl fmt::Debug for AdmissionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionFile")
            .field("path", &self.path)
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}
