//! A value that is read repeatedly: the last valid one stays active while reads fail.

use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::ops::Deref;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::Supervisor;

/// The last valid value of a source that is read repeatedly, and the error of the last read.
///
/// [`Polled`] reads the source on a thread. A task that reads it calls [`Self::set`] and
/// [`Self::record`] itself.
pub struct LastValid<T, E> {
    value: ArcSwap<T>,
    last_error: ArcSwapOption<E>,
    supervisor: Supervisor,
    log_change: Box<LogChange<E>>,
}

type LogChange<E> = dyn Fn(Option<&E>) + Send + Sync;

/// A [`LastValid`] value that a thread reads again at an interval, until this is dropped.
///
/// A panic of a read is logged, and does not end the thread.
///
/// ```
/// use std::time::{Duration, Instant};
/// use http_guard::{LastValid, Polled, Supervisor};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("limit");
/// # std::fs::write(&path, "10")?;
/// let read = move || std::fs::read_to_string(&path)?.parse::<u32>().map_err(std::io::Error::other);
/// let started_at = Instant::now();
/// let log_change = |error: Option<&std::io::Error>| match error {
///     Some(error) => http_guard::event!(error, %error, "invalid limit, keeping the last valid one"),
///     None => http_guard::event!(info, "limit valid again"),
/// };
/// let limit = LastValid::new(Supervisor::new("limit"), read()?, started_at, log_change);
/// let limit = Polled::start(limit, Duration::from_secs(5), move |limit| Ok(limit.set(read()?)))?;
/// assert_eq!(**limit.value(), 10);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Polled<T, E> {
    last_valid: Arc<LastValid<T, E>>,
    reload: Arc<dyn Fn() -> Result<(), Arc<E>> + Send + Sync>,
    /// Never sends: dropping it ends the thread.
    _shutdown: Sender<Infallible>,
}

impl<T, E: Display> LastValid<T, E> {
    /// Creates it with the value of the first read, which began at this time.
    ///
    /// `log_change` is called with each error, once while it lasts, and with `None` when a read
    /// succeeds again.
    pub fn new(
        supervisor: Supervisor,
        value: T,
        started_at: Instant,
        log_change: impl Fn(Option<&E>) + Send + Sync + 'static,
    ) -> Self {
        supervisor.record::<_, E>(&Ok(()), started_at);
        let (value, last_error) = (ArcSwap::from_pointee(value), ArcSwapOption::empty());
        Self { value, last_error, supervisor, log_change: Box::new(log_change) }
    }

    /// Returns the last valid value, without waiting. Clone the `Arc` to keep it.
    pub fn value(&self) -> impl Deref<Target = Arc<T>> {
        self.value.load()
    }

    /// Activates a valid value.
    pub fn set(&self, value: T) {
        self.value.store(Arc::new(value));
    }

    /// Records the outcome of a read that began at this time.
    ///
    /// # Errors
    /// The error of the read.
    pub fn record(&self, outcome: Result<(), E>, started_at: Instant) -> Result<(), Arc<E>> {
        let outcome = outcome.map_err(Arc::new);
        self.supervisor.record(&outcome, started_at);
        let error = outcome.as_ref().err();
        let text = |error: &Arc<E>| error.to_string();
        let previous = self.last_error.swap(error.cloned());
        if previous.as_ref().map(text) != error.map(text) {
            (self.log_change)(error.map(|error| &**error));
        }
        outcome
    }

    /// Returns the error of the last read, or `None` if it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<E>> {
        self.last_error.load_full()
    }

    /// Returns the supervisor, which knows the age of the last success and the health.
    pub const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

impl<T: Send + Sync + 'static, E: Display + Send + Sync + 'static> Polled<T, E> {
    /// Starts the thread. `read` activates valid values, and returns an error if the source is
    /// unavailable or invalid.
    ///
    /// # Errors
    /// The system's error if it starts no thread.
    pub fn start(
        last_valid: LastValid<T, E>,
        interval: Duration,
        read: impl Fn(&LastValid<T, E>) -> Result<(), E> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let supervisor = last_valid.supervisor.clone().with_interval(interval);
        let name = supervisor.task().to_owned();
        let last_valid = Arc::new(last_valid);
        let target = Arc::clone(&last_valid);
        // Serialises reads, so that an earlier one never replaces a later one.
        let lock = Mutex::new(());
        let reload = Arc::new(move || {
            let _lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
            let started_at = Instant::now();
            target.record(read(&target), started_at)
        });
        let (sender, shutdown) = mpsc::channel();
        let poll = Arc::clone(&reload);
        let run = move || {
            let _running = supervisor.start();
            while shutdown.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                supervisor.run_iteration(|| poll());
            }
        };
        #[expect(clippy::disallowed_methods, reason = "supervised: each read is a turn")]
        thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { last_valid, reload, _shutdown: sender })
    }

    /// Reads the source now. Blocks meanwhile.
    ///
    /// # Errors
    /// The error of the read.
    pub fn reload(&self) -> Result<(), Arc<E>> {
        (self.reload)()
    }
}

impl<T, E> Deref for Polled<T, E> {
    type Target = LastValid<T, E>;

    fn deref(&self) -> &LastValid<T, E> {
        &self.last_valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_valid_value_stays_and_lasting_error_is_logged_once() {
        let (log, changes) = mpsc::channel();
        let supervisor = Supervisor::new("test");
        let log_change = move |error: Option<&String>| log.send(error.cloned()).unwrap();
        let last_valid = LastValid::new(supervisor, "first", Instant::now(), log_change);
        let source = Arc::new(Mutex::new(Ok("first")));
        let read = Arc::clone(&source);
        let polled = Polled::start(last_valid, Duration::MAX, move |last_valid| {
            read.lock().unwrap().clone().map(|value| last_valid.set(value))
        });
        let polled = polled.unwrap();
        for (outcome, value, logged) in [
            (Ok("second"), "second", None),
            (Err("broken".to_owned()), "second", Some(Some("broken".to_owned()))),
            (Err("missing".to_owned()), "second", Some(Some("missing".to_owned()))),
            (Ok("third"), "third", Some(None)),
        ] {
            source.lock().unwrap().clone_from(&outcome);
            for _ in 0..3 {
                assert_eq!(polled.reload().err().as_deref(), outcome.as_ref().err());
                assert_eq!(polled.supervisor().health().is_ok(), outcome.is_ok());
            }
            assert_eq!(**polled.value(), value);
            assert_eq!(polled.last_error().as_deref(), outcome.as_ref().err());
            assert_eq!(changes.try_iter().collect::<Vec<_>>(), Vec::from_iter(logged));
        }
    }
}
