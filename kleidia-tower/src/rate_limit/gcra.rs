//! The generic cell rate algorithm, as governor computes it, on a debt that the caller holds.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;

use super::Limit;

/// Decides about one debt at a time.
///
/// governor keeps states itself, asks its clock at each check, and charges at once. Several limits
/// are to be charged together or not at all, so here the key that is checked is the state, and
/// the time is always zero: states are what is owed now, not when it will be paid.
#[derive(Debug)]
pub(crate) struct Gcra(RateLimiter<Debt, InKey, Standstill, NoOpMiddleware<Nanos>>);

/// Nanoseconds until nothing is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Debt(Cell<u64>);

/// The store that has no state but the key's.
#[derive(Debug)]
struct InKey;

/// A clock that stands still.
#[derive(Debug)]
struct Standstill;

impl Gcra {
    pub(crate) fn new(limit: &Limit) -> Self {
        Self(RateLimiter::new(limit.quota(), InKey, Standstill))
    }

    /// What is owed after a charge, or how long to wait for it.
    ///
    /// `cost` must not exceed the burst: governor would multiply without looking.
    pub(crate) fn charge(&self, debt: u64, cost: NonZeroU32) -> Result<u64, Duration> {
        let debt = Debt(Cell::new(debt));
        match self.0.check_key_n(&debt, cost) {
            Ok(Ok(())) => Ok(debt.0.get()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(Nanos::default())),
            Err(_) => Err(Duration::MAX),
        }
    }
}

impl StateStore for InKey {
    type Key = Debt;

    fn measure_and_replace<T, F, E>(&self, debt: &Debt, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (measured, owed) = measure(Some(debt.0.get().into()))?;
        debt.0.set(owed.into());
        Ok(measured)
    }
}

impl Clock for Standstill {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::default()
    }
}

/// governor asks for it; nothing is looked up.
impl Hash for Debt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get().hash(state);
    }
}
