//! What a key has left of a limit.

use std::time::Duration;

use super::Limit;

/// What a key has left of a limit, at the moment of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    debt: u64,
    cell: u64,
    burst: u32,
}

impl Budget {
    /// What is left to who owes so many nanoseconds.
    pub(crate) fn new(limit: &Limit, debt: u64) -> Self {
        Self { debt, cell: limit.cell(), burst: limit.burst() }
    }

    /// How much can be spent at once.
    #[must_use]
    pub fn units(&self) -> u32 {
        // What is back in part is not back.
        let spent = self.debt.div_ceil(self.cell);
        self.burst.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX))
    }

    /// When there is one more to spend; zero if nothing is spent.
    #[must_use]
    pub const fn more_in(&self) -> Duration {
        match self.debt {
            0 => Duration::ZERO,
            debt => Duration::from_nanos((debt - 1) % self.cell + 1),
        }
    }
}
