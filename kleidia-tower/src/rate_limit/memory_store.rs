//! `MemoryLimitStore`: the state of shared limits in memory.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::bucket_table::BucketTable;
use super::clock::MonotonicClock;
use super::{LimitDecision, LimitKey, LimitStore, LimitStoreError, RateLimiter};
use crate::SettingError;

/// Keeps the state of limits in the bounded memory of this process.
///
/// Use it for tests, and for several layers of one process. A
/// [`RateLimitLayer`](super::RateLimitLayer) without shared limits has tables of its own, which are
/// faster. Its memory has the bounds and the eviction of a [`RateLimiter`].
///
/// ```
/// use kleidia_tower::rate_limit::{Limit, LimitKey, LimitStore, MemoryLimitStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, limit) = (MemoryLimitStore::new(), "5/60".parse::<Limit>()?);
/// let keys = [LimitKey::new([1; 16], 0, &limit), LimitKey::new([2; 16], 0, &limit)];
/// let decision = store.charge(&keys, 3).await?;
/// assert_eq!(decision.retry_after(), None);
/// assert_eq!(decision.remaining()[1].count(), 2);
/// assert!(store.charge(&keys, 3).await?.retry_after().is_some());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryLimitStore {
    /// One lock for all keys, since the keys of a call are read before they are written.
    buckets: Mutex<BucketTable>,
    clock: MonotonicClock,
}

impl MemoryLimitStore {
    /// Creates a store with the [default capacity](RateLimiter::DEFAULT_CAPACITY) of a limiter and
    /// the system's monotonic clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of keys whose state is kept, of all limits together, at 16.5 octets per key.
    ///
    /// # Errors
    /// [`SettingError`] for 0 keys, or more than 100,000,000.
    pub fn with_capacity(self, keys: usize) -> Result<Self, SettingError> {
        let keys = BucketTable::check_capacity(keys)?;
        Ok(Self { buckets: Mutex::new(BucketTable::with_capacity(keys)), ..self })
    }

    /// Sets the clock, which returns the time since a fixed instant and never goes back.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { clock: MonotonicClock::custom(clock), ..self }
    }

    fn charge_all(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError> {
        // No code panics while it holds the lock.
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let lock_bucket = |key: &LimitKey| buckets.lock_bucket(buckets.hash_key(&key.digest()));
        let backlog = |key| Duration::from_nanos(lock_bucket(key).tat().saturating_sub(now));
        let backlogs: Vec<_> = keys.iter().map(backlog).collect();
        let decision = LimitDecision::from_backlogs(keys, &backlogs, cost)?;
        if cost > 0 && decision.retry_after().is_none() {
            for (key, remaining) in keys.iter().zip(decision.remaining()) {
                let backlog = u64::try_from(remaining.full_in().as_nanos()).unwrap_or(u64::MAX);
                lock_bucket(key).set_tat(now.saturating_add(backlog));
            }
        }
        Ok(decision)
    }
}

#[async_trait]
impl LimitStore for MemoryLimitStore {
    async fn charge(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError> {
        self.charge_all(keys, cost)
    }
}

impl Default for MemoryLimitStore {
    fn default() -> Self {
        let buckets = Mutex::new(BucketTable::with_capacity(RateLimiter::DEFAULT_CAPACITY));
        Self { buckets, clock: MonotonicClock::default() }
    }
}
