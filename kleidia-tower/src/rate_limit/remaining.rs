//! What remains of a key's budget.

use std::time::Duration;

use super::gcra::Rate;

/// What remains of a key's budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    backlog: u64,
    emission_interval: u64,
    burst: u32,
}

impl Remaining {
    /// `backlog` is the time until the budget is full again, in nanoseconds.
    pub(crate) const fn new(rate: Rate, backlog: u64) -> Self {
        let Rate { emission_interval, burst } = rate;
        Self { backlog, emission_interval, burst: burst.get() }
    }

    /// Returns the time until the budget is full again; zero if it is.
    #[must_use]
    pub const fn full_in(&self) -> Duration {
        Duration::from_nanos(self.backlog)
    }

    /// Returns the number of units that can be spent now.
    #[must_use]
    pub fn count(&self) -> u32 {
        // Part of a unit cannot be spent.
        let spent = self.backlog.div_ceil(self.emission_interval);
        self.burst.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX))
    }

    /// Returns the time until one more unit can be spent; zero if the budget is full.
    #[must_use]
    pub const fn next_in(&self) -> Duration {
        match self.backlog {
            0 => Duration::ZERO,
            backlog => Duration::from_nanos((backlog - 1) % self.emission_interval + 1),
        }
    }
}
