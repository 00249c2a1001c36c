//! The limiters' clock, which only goes forward.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, QuantaClock, QuantaInstant, Reference};

/// Tells how much time has passed since some moment.
#[derive(Clone)]
pub(crate) enum Ticks {
    /// The processor's counter, which is read in a third of the time that `Instant` takes.
    Counter {
        clock: QuantaClock,
        start: QuantaInstant,
    },
    Yours(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Ticks {
    /// In nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        match self {
            Self::Counter { clock, start } => clock.now().duration_since(*start).as_u64(),
            Self::Yours(clock) => u64::try_from(clock().as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

impl Default for Ticks {
    fn default() -> Self {
        let clock = QuantaClock::default();
        Self::Counter { start: clock.now(), clock }
    }
}

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter { .. } => "Counter",
            Self::Yours(_) => "Yours",
        })
    }
}
