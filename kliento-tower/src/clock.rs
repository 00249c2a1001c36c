//! The clock: the system's, or a fixed one for tests.

use std::time::SystemTime;

use kliento::Timestamp;

/// Returns the time at which bundles are verified.
///
/// ```
/// use kliento_tower::{Clock, FixedClock};
///
/// // For recorded bundles.
/// let clock = FixedClock("2026-11-22T18:03:00Z".parse()?);
/// assert_eq!(clock.now(), Some(clock.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time, or `None` if it is unavailable: then the layer responds with 503.
    fn now(&self) -> Option<Timestamp>;
}

/// The system's clock, which must be synchronised (NTP).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that always returns the same time, for tests and recorded bundles.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(
    /// The time.
    pub Timestamp,
);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    fn now(&self) -> Option<Timestamp> {
        SystemTime::now().try_into().ok()
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Option<Timestamp> {
        Some(self.0)
    }
}

impl<F: Fn() -> Option<Timestamp> + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Option<Timestamp> {
        self()
    }
}
