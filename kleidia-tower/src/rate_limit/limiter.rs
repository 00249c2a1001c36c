//! One limit for any number of keys, in bounded memory.

use std::hash::{DefaultHasher, Hash};
use std::time::Duration;

use super::bucket_table::{BucketTable, KeyHash, LockedBucket};
use super::clock::MonotonicClock;
use super::gcra::Rate;
use super::{Limit, Remaining};
use crate::SettingError;

/// Enforces one [`Limit`] for each of any number of keys, in bounded memory.
///
/// [`RateLimitLayer`](super::RateLimitLayer) has one limiter for each of its limits. A limiter is
/// also useful without Tower. Its methods take one short lock and allocate nothing.
///
/// # Rules
/// - A limiter is exact: under any concurrency, it allows no more than the burst and what came back
///   since.
/// - A rejected request consumes no budget, so a client that keeps asking is served at the rate of
///   the limit.
/// - A limiter allocates 16.5 octets per key of capacity when it is created, and nothing later. It
///   stores only a keyed hash of each key, so long keys take no more, and a memory dump does not
///   reveal them.
/// - Keys share sets of 16 buckets. When a set is full, the key closest to a full budget is evicted
///   first, and may spend its burst again. To evict a key that has spent its budget, an attacker
///   has to spend as much with 15 other keys of the same set. The sets are secret, so this takes as
///   many keys as the capacity on average. New addresses with one request each evict only each
///   other.
/// - The state is lost on restart, and is not shared between processes.
///
/// # Examples
/// ```
/// use kleidia_tower::rate_limit::{Limit, RateLimiter};
///
/// let logins = RateLimiter::new("5/60".parse()?);
/// assert_eq!(logins.check("alice", 1)?.count(), 4);
/// assert!(logins.check("alice", 5).is_err());
/// assert_eq!(logins.peek("alice").count(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Configured with a capacity of a million keys, and the clock of a test:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::{Limit, RateLimiter};
///
/// let now = Arc::new(Mutex::new(Duration::ZERO));
/// let clock = Arc::clone(&now);
/// let limiter = RateLimiter::new(Limit::per(Duration::from_secs(10), 1)?)
///     .with_capacity(1_000_000)?
///     .with_clock(move || *clock.lock().unwrap());
/// limiter.check(&["any", "key"], 1)?;
/// assert!(limiter.check(&["any", "key"], 1).is_err());
/// *now.lock().unwrap() += Duration::from_secs(10);
/// limiter.check(&["any", "key"], 1)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RateLimiter {
    limit: Limit,
    buckets: BucketTable,
    clock: MonotonicClock,
}

/// An error from charging a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitError {
    /// The remaining budget is less than the cost.
    #[error("rate limit exceeded, retry in {retry_after:?}")]
    Exceeded {
        /// The time until the budget is enough, if nothing else is charged meanwhile.
        retry_after: Duration,
    },
    /// The cost is more than the burst, so it is never allowed.
    #[error("cost {cost} exceeds the burst of {burst}")]
    CostExceedsBurst {
        /// The cost.
        cost: u32,
        /// The burst.
        burst: u32,
    },
}

/// A charge that is decided but not stored. The key's bucket is locked meanwhile.
pub(crate) struct PendingCharge<'a> {
    rate: Rate,
    bucket: LockedBucket<'a>,
    now: u64,
    /// The TAT after the charge.
    new_tat: Result<u64, RateLimitError>,
}

impl RateLimiter {
    /// The default capacity, in keys.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// Creates a limiter with the [default capacity](Self::DEFAULT_CAPACITY) and the system's
    /// monotonic clock.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let buckets = BucketTable::with_capacity(Self::DEFAULT_CAPACITY);
        Self { limit, buckets, clock: MonotonicClock::default() }
    }

    /// Sets the number of keys whose state is kept, at 16.5 octets per key; rounded up to a
    /// multiple of 16. The state of all keys is reset.
    ///
    /// A good choice is 1.5 times the number of keys that are active at once, since hashing does
    /// not spread keys evenly. The default is [`Self::DEFAULT_CAPACITY`].
    ///
    /// # Errors
    /// [`SettingError`] for 0 keys, or more than 100,000,000.
    pub fn with_capacity(self, keys: usize) -> Result<Self, SettingError> {
        let keys = BucketTable::check_capacity(keys)?;
        Ok(Self { buckets: BucketTable::with_capacity(keys), ..self })
    }

    /// Sets the clock, which returns the time since a fixed instant and never goes back.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { clock: MonotonicClock::custom(clock), ..self }
    }

    /// Returns the limit.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Charges a key, and returns what remains. A cost of 0 is always allowed.
    ///
    /// # Errors
    /// [`RateLimitError`] if the remaining budget is less than the cost, or the cost is more than
    /// the burst. Nothing is charged then.
    pub fn check<K: Hash + ?Sized>(&self, key: &K, cost: u32) -> Result<Remaining, RateLimitError> {
        let mut charge = self.prepare_charge(self.hash_key(key), cost, self.limit.rate());
        charge.new_tat.clone()?;
        charge.commit();
        Ok(charge.remaining(true))
    }

    /// Returns what remains of a key's budget, and charges nothing.
    #[must_use]
    pub fn peek<K: Hash + ?Sized>(&self, key: &K) -> Remaining {
        self.prepare_charge(self.hash_key(key), 0, self.limit.rate()).remaining(false)
    }

    /// Counts the keys whose budget is not full. It scans the whole table.
    #[must_use]
    pub fn active_keys(&self) -> usize {
        self.buckets.count(self.clock.now())
    }

    pub(crate) fn hash_key<K: Hash + ?Sized>(&self, key: &K) -> KeyHash {
        self.buckets.hash_key(key)
    }

    pub(crate) fn hash_key_with<E>(
        &self,
        hash: impl FnOnce(&mut DefaultHasher) -> Result<(), E>,
    ) -> Result<KeyHash, E> {
        self.buckets.hash_key_with(hash)
    }

    /// Decides about a charge at this rate and locks the key's bucket, but stores nothing yet.
    pub(crate) fn prepare_charge(&self, key: KeyHash, cost: u32, rate: Rate) -> PendingCharge<'_> {
        let now = self.clock.now();
        let bucket = self.buckets.lock_bucket(key);
        let new_tat = charge(rate, bucket.tat(), now, cost);
        PendingCharge { rate, bucket, now, new_tat }
    }
}

impl PendingCharge<'_> {
    /// Returns how long to wait until the key can be charged, or `None` if it can be charged now.
    pub(crate) const fn retry_delay(&self) -> Option<Duration> {
        retry_delay(self.rate, &self.new_tat)
    }

    /// Returns what remains of the key's budget, before the charge or after it.
    pub(crate) fn remaining(&self, is_charged: bool) -> Remaining {
        let tat = match self.new_tat {
            Ok(new_tat) if is_charged => new_tat,
            _ => self.bucket.tat(),
        };
        Remaining::new(self.rate, tat.saturating_sub(self.now))
    }

    /// Stores the charge, if it is allowed.
    pub(crate) fn commit(&mut self) {
        if let Ok(new_tat) = self.new_tat
            && new_tat > self.bucket.tat()
        {
            self.bucket.set_tat(new_tat);
        }
    }
}

/// Returns the TAT after a charge. Times are nanoseconds of one clock.
pub(crate) fn charge(rate: Rate, tat: u64, now: u64, cost: u32) -> Result<u64, RateLimitError> {
    let burst = rate.burst.get();
    if cost > burst {
        return Err(RateLimitError::CostExceedsBurst { cost, burst });
    }
    if cost == 0 {
        return Ok(tat);
    }
    rate.charge(tat, now, cost).map_err(|retry_after| RateLimitError::Exceeded { retry_after })
}

/// Returns how long to wait until a charge is allowed, or `None` if it is allowed now.
///
/// A cost above the burst can never be charged: then it is the time in which a burst refills.
pub(crate) const fn retry_delay(
    rate: Rate,
    new_tat: &Result<u64, RateLimitError>,
) -> Option<Duration> {
    match new_tat {
        Ok(_) => None,
        Err(RateLimitError::Exceeded { retry_after }) => Some(*retry_after),
        Err(RateLimitError::CostExceedsBurst { .. }) => {
            Some(Duration::from_nanos(rate.burst_tolerance()))
        }
    }
}

impl From<Limit> for RateLimiter {
    fn from(limit: Limit) -> Self {
        Self::new(limit)
    }
}
