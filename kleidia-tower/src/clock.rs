//! Clocks: the system's, or one that a test controls.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

/// A source of the current time.
///
/// [`clock_fn`] makes a clock of a closure:
///
/// ```
/// use kleidia_tower::{Clock, Timestamp, clock_fn};
///
/// let fixed = clock_fn(|| Some(Timestamp::UNIX_EPOCH));
/// assert_eq!(fixed.now(), Some(Timestamp::UNIX_EPOCH));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time, or `None` if it is unavailable. Without the time nothing is
    /// granted, and the response is 503.
    fn now(&self) -> Option<Timestamp>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that calls a closure; see [`clock_fn`].
#[derive(Clone, Copy, Debug)]
pub struct ClockFn<F>(F);

/// Makes a clock of a closure.
pub const fn clock_fn<F: Fn() -> Option<Timestamp> + Send + Sync + 'static>(now: F) -> ClockFn<F> {
    ClockFn(now)
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now(&self) -> Option<Timestamp> {
        Timestamp::try_from(SystemTime::now()).ok()
    }
}

impl<F: Fn() -> Option<Timestamp> + Send + Sync + 'static> Clock for ClockFn<F> {
    fn now(&self) -> Option<Timestamp> {
        self.0()
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Option<Timestamp> {
        T::now(self)
    }
}
