//! What time it is: the system's clock, or one that a test holds.

use std::time::SystemTime;

use kliento::Timestamp;

/// Tells the time at which bundles are verified.
///
/// ```
/// use kliento_tower::{Clock, FixedClock};
///
/// // For bundles that were recorded: time stands still.
/// let clock = FixedClock("2026-11-22T18:03:00Z".parse()?);
/// assert_eq!(clock.now(), Some(clock.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time now, or `None` if it can't be told: then the layer answers 503.
    fn now(&self) -> Option<Timestamp>;
}

/// The system's clock, which has to be in step (NTP).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that stands still, for tests and recorded bundles.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(
    /// The time that it always is.
    pub Timestamp,
);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
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
