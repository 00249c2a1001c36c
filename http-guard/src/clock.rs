//! `Clock`: the system's clock, or a clock of your own.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

/// Returns the current time.
///
/// ```
/// use std::sync::Arc;
///
/// use http_guard::{Clock, FixedClock, SystemClock, Timestamp, clock_fn};
///
/// let start: Timestamp = "2026-11-22T18:03:00Z".parse()?;
///
/// // The time never changes: for tests and recorded credentials.
/// assert_eq!(FixedClock(start).now(), Some(start));
///
/// // A clock of your own.
/// let stopped = clock_fn(|| None);
/// assert_eq!(stopped.now(), None);
///
/// let shared: Arc<dyn Clock> = Arc::new(SystemClock);
/// assert!(shared.now() > Some(start));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time, or `None` if the clock is unavailable: then requests are rejected
    /// with 503.
    fn now(&self) -> Option<Timestamp>;
}

/// The system's clock, which has to be synchronised (NTP).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that always returns the same time, for tests and recorded credentials.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(
    /// The time.
    pub Timestamp,
);

/// A clock that calls a function; made by [`clock_fn`].
#[derive(Clone, Copy)]
pub struct ClockFn<F>(F);

/// Makes a clock from a function.
pub const fn clock_fn<F>(function: F) -> ClockFn<F>
where
    F: Fn() -> Option<Timestamp> + Send + Sync + 'static,
{
    ClockFn(function)
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Option<Timestamp> {
        // `Timestamp::now` panics if the time is out of its range.
        SystemTime::now().try_into().ok()
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Option<Timestamp> {
        Some(self.0)
    }
}

impl<F: Fn() -> Option<Timestamp> + Send + Sync + 'static> Clock for ClockFn<F> {
    fn now(&self) -> Option<Timestamp> {
        self.0()
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Option<Timestamp> {
        (**self).now()
    }
}

impl<F> fmt::Debug for ClockFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockFn").finish_non_exhaustive()
    }
}
