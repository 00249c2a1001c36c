//! `LimitStore`: the state of limits that several nodes share.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smallvec::SmallVec;

use super::gcra::Rate;
use super::limiter::{charge, retry_delay};
use super::{Limit, Remaining};

/// The state of limits, to share between nodes.
///
/// A store keeps the time at which the budget of each key is full again: its theoretical arrival
/// time (TAT) in the generic cell rate algorithm. [`MemoryLimitStore`](super::MemoryLimitStore)
/// keeps it in memory, and `RedisLimitStore` (feature `redis`) in Redis.
///
/// # Rules
/// - Charges are atomic under any concurrency: all keys of a call are charged, or none.
/// - The clock is that of the store. It has a resolution of at least one microsecond.
/// - A key can be forgotten as soon as its budget is full.
///
/// [`SharedLimits`](super::SharedLimits) bounds the time of calls. It drops their futures at will:
/// then the keys may be charged or not.
#[async_trait]
pub trait LimitStore: fmt::Debug + Send + Sync + 'static {
    /// Charges all keys with this cost if each of them can be charged, and otherwise none. A cost
    /// of 0 is always allowed, and changes nothing.
    ///
    /// The keys are different, and have the same [partition](LimitKey::partition). There is at
    /// least one.
    ///
    /// Read the time until the budget of each key is full, let [`LimitDecision::from_backlogs`]
    /// decide, and if it allows the charge, add the cost times [`LimitKey::emission_interval`] to
    /// the time of each key.
    ///
    /// # Errors
    /// [`LimitStoreError`] if the store is unavailable.
    async fn charge(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError>;

    /// Establishes the connection again after a failure; does nothing by default.
    ///
    /// It is called in the background, and has more time than a charge.
    ///
    /// # Errors
    /// [`LimitStoreError`] if the store is still unavailable.
    async fn reconnect(&self) -> Result<(), LimitStoreError> {
        Ok(())
    }
}

/// A key of a limit, as stores see it: a digest, and the rate of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitKey {
    digest: [u8; Self::DIGEST_OCTETS],
    partition: u16,
    rate: Rate,
}

/// Whether keys can be charged, and what remains of their budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitDecision {
    retry_after: Option<Duration>,
    remaining: Vec<Remaining>,
}

/// A store of limits is unavailable.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitStoreError {
    /// The store did not respond in time.
    #[error("no response within {0:?}")]
    TimedOut(Duration),
    /// The store failed.
    #[error(transparent)]
    Failed(Arc<dyn Error + Send + Sync>),
}

impl LimitKey {
    /// The length of a digest.
    pub const DIGEST_OCTETS: usize = 16;

    /// Creates a key from the digest of the limit and its key.
    ///
    /// The emission interval of the limit is rounded up to a whole microsecond, in which stores
    /// count.
    #[must_use]
    pub fn new(digest: [u8; Self::DIGEST_OCTETS], partition: u16, limit: &Limit) -> Self {
        Self::from_rate(digest, partition, limit.rate())
    }

    pub(crate) const fn from_rate(
        digest: [u8; Self::DIGEST_OCTETS],
        partition: u16,
        rate: Rate,
    ) -> Self {
        Self { digest, partition, rate: rate.in_whole_microseconds() }
    }

    /// Returns the digest, by which a store finds the state of the key.
    #[must_use]
    pub const fn digest(&self) -> [u8; Self::DIGEST_OCTETS] {
        self.digest
    }

    /// Returns the partition. A store on several machines keeps keys of the same partition on one
    /// of them.
    #[must_use]
    pub const fn partition(&self) -> u16 {
        self.partition
    }

    /// Returns the time in which one unit is refilled, in whole microseconds.
    #[must_use]
    pub const fn emission_interval(&self) -> Duration {
        Duration::from_nanos(self.rate.emission_interval)
    }

    /// Returns the time in which a whole burst refills, in whole microseconds: the longest
    /// backlog of the key.
    #[must_use]
    pub const fn burst_tolerance(&self) -> Duration {
        Duration::from_nanos(self.rate.burst_tolerance())
    }
}

impl LimitDecision {
    /// Decides about a charge, given the backlog of each key: the time until its budget is full, as
    /// it was before the charge. A backlog above the [`burst_tolerance`](LimitKey::burst_tolerance)
    /// counts as that: the limit was changed, or the store's clock went back.
    ///
    /// # Errors
    /// [`LimitStoreError`] if there are more or fewer backlogs than keys.
    pub fn from_backlogs(
        keys: &[LimitKey],
        backlogs: &[Duration],
        cost: u32,
    ) -> Result<Self, LimitStoreError> {
        if keys.len() != backlogs.len() {
            let (expected, found) = (keys.len(), backlogs.len());
            return Err(LimitStoreError::new(format!("expected {expected} keys, found {found}")));
        }
        let charges = keys.iter().zip(backlogs).map(|(key, backlog)| {
            let backlog = (*backlog).min(key.burst_tolerance());
            let backlog = u64::try_from(backlog.as_nanos()).unwrap_or(u64::MAX);
            (key.rate, backlog, charge(key.rate, backlog, 0, cost))
        });
        let charges: SmallVec<[_; 2]> = charges.collect();
        let retry_after = charges.iter().filter_map(|(rate, _, new)| retry_delay(*rate, new)).max();
        let remaining = charges.iter().map(|(rate, backlog, new)| match new {
            Ok(new) if retry_after.is_none() => Remaining::new(*rate, *new),
            _ => Remaining::new(*rate, *backlog),
        });
        Ok(Self { remaining: remaining.collect(), retry_after })
    }

    /// Returns how long to wait until all keys can be charged, if nothing else is charged
    /// meanwhile; `None` if they were charged.
    ///
    /// A cost above a burst can never be charged: then it is the time in which the burst refills.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns what remains of the budget of each key, after the charge if there was one.
    #[must_use]
    pub fn remaining(&self) -> &[Remaining] {
        &self.remaining
    }
}

impl LimitStoreError {
    /// Creates the error of a store that failed.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into().into())
    }
}
