//! What time it is: the system's clock, or one that a test holds.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z, as JWTs count them (RFC 7519, `NumericDate`).
pub type UnixTime = i64;

/// Tells the time.
///
/// ```
/// use kleidia_tower::Clock;
///
/// let stands_still = || Some(1_795_370_580);
/// assert_eq!(stands_still.now(), Some(1_795_370_580));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time now, or `None` if it can't be told: then nothing is granted, and the answer is 503.
    fn now(&self) -> Option<UnixTime>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now(&self) -> Option<UnixTime> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        since_epoch.as_secs().try_into().ok()
    }
}

impl<F: Fn() -> Option<UnixTime> + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Option<UnixTime> {
        self()
    }
}
