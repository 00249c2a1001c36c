//! The limiter's clock, which never goes back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Measures the time since a fixed instant.
#[derive(Clone)]
pub(crate) enum MonotonicClock {
    /// The processor's time-stamp counter, which is faster to read than `std::time::Instant`.
    Counter {
        clock: quanta::Clock,
        start: quanta::Instant,
    },
    Custom(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl MonotonicClock {
    pub(crate) fn custom(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(clock))
    }

    /// Returns the nanoseconds since the fixed instant.
    pub(crate) fn now(&self) -> u64 {
        let elapsed = match self {
            Self::Counter { clock, start } => clock.now().duration_since(*start),
            Self::Custom(clock) => clock(),
        };
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        let clock = quanta::Clock::new();
        Self::Counter { start: clock.now(), clock }
    }
}

impl fmt::Debug for MonotonicClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter { .. } => "Counter",
            Self::Custom(_) => "Custom",
        })
    }
}
