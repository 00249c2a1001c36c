//! What organisations have used of their quotas.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use kliento_core::OrganisationName;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::Quota;

/// The budgets of a layer's organisations, in bounded memory: about 20 MB.
///
/// A budget belongs to an organisation and the numbers of its quota, so it stays when rules are
/// read again. When there are too many, the one that has not been charged for longest is forgotten,
/// and is full again.
pub(crate) struct QuotaUsage<C: Clock = MonotonicClock> {
    /// By a keyed hash, so that a lookup allocates nothing. Two of these organisations have the
    /// same one with a probability of 1 in 10 billion.
    limiters: Cache<u64, Arc<Limiter<C>>>,
    hash_key: RandomState,
    clock: C,
}

type Limiter<C> =
    governor::RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

const MAX_ORGANISATIONS: u64 = 65_536;

impl<C: Clock + Clone + Send + Sync + 'static> QuotaUsage<C>
where
    Limiter<C>: Send + Sync,
{
    fn with_clock(clock: C) -> Self {
        let limiters = Cache::builder().max_capacity(MAX_ORGANISATIONS);
        let limiters = limiters.eviction_policy(EvictionPolicy::lru()).build();
        Self { limiters, hash_key: RandomState::new(), clock }
    }

    /// Charges an organisation with a request.
    ///
    /// # Errors
    /// How long to wait until its budget allows a request. Nothing is charged then.
    pub(crate) fn charge(
        &self,
        quota: &Quota,
        organisation: &OrganisationName,
    ) -> Result<(), Duration> {
        let key = (quota.interval(), quota.burst(), organisation.as_str());
        let key = self.hash_key.hash_one(key);
        let limiter = self.limiters.get_with(key, || Arc::new(self.limiter(quota)));
        limiter.check().map_err(|rejected| rejected.wait_time_from(self.clock.now()))
    }

    fn limiter(&self, quota: &Quota) -> Limiter<C> {
        // The bounds of a `Quota` exclude an interval of zero.
        let rate = governor::Quota::with_period(quota.interval());
        let rate = rate.unwrap_or_else(|| governor::Quota::per_second(quota.burst()));
        Limiter::direct_with_clock(rate.allow_burst(quota.burst()), self.clock.clone())
    }
}

impl Default for QuotaUsage {
    fn default() -> Self {
        Self::with_clock(MonotonicClock)
    }
}

impl<C: Clock> fmt::Debug for QuotaUsage<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaUsage")
            .field("organisations", &self.limiters.entry_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn quota(requests: u32, seconds: u64) -> Quota {
        Quota::new(requests, Duration::from_secs(seconds)).unwrap()
    }

    fn name(text: &str) -> OrganisationName {
        text.parse().unwrap()
    }

    #[test]
    fn budget_is_per_organisation_and_refills_evenly() {
        let clock = FakeRelativeClock::default();
        let usage = QuotaUsage::with_clock(clock.clone());
        let quota = quota(6, 60).with_burst(2).unwrap();
        let charge = |text| usage.charge(&quota, &name(text));
        let wait = Duration::from_secs(10);
        assert_eq!(["a.example"; 3].map(charge), [Ok(()), Ok(()), Err(wait)]);
        assert_eq!(charge("b.example"), Ok(()));
        clock.advance(Duration::from_secs(4));
        assert_eq!(charge("a.example"), Err(Duration::from_secs(6)), "a rejection costs nothing");
        clock.advance(Duration::from_secs(6));
        assert_eq!(["a.example"; 2].map(charge), [Ok(()), Err(wait)]);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(["a.example"; 3].map(charge), [Ok(()), Ok(()), Err(wait)]);
    }

    #[test]
    fn budget_stays_when_an_equal_quota_is_read_again() {
        let usage = QuotaUsage::with_clock(FakeRelativeClock::default());
        assert!(usage.charge(&quota(1, 60), &name("a.example")).is_ok());
        assert!(usage.charge(&quota(1, 60), &name("a.example")).is_err());
        assert!(usage.charge(&quota(2, 60), &name("a.example")).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let usage = QuotaUsage::with_clock(FakeRelativeClock::default());
        let quota = quota(1, 60);
        for index in 0..2 * MAX_ORGANISATIONS {
            usage.charge(&quota, &name(&format!("o{index}.example"))).unwrap();
        }
        usage.limiters.run_pending_tasks();
        assert_eq!(usage.limiters.entry_count(), MAX_ORGANISATIONS);
        // The latest are kept.
        let last = name(&format!("o{}.example", 2 * MAX_ORGANISATIONS - 1));
        assert!(usage.charge(&quota, &last).is_err());
    }

    #[test]
    fn largest_quota_does_not_overflow() {
        let clock = FakeRelativeClock::default();
        let usage = QuotaUsage::with_clock(clock.clone());
        let quota = Quota::new(1, Quota::MAX_PERIOD).unwrap();
        assert!(quota.clone().with_burst(Quota::MAX_REQUESTS).is_err());
        let burst = u32::try_from(Quota::MAX_REFILL_TIME.as_secs() / Quota::MAX_PERIOD.as_secs());
        let quota = quota.with_burst(burst.unwrap()).unwrap();
        let allowed = (0..200).filter(|_| usage.charge(&quota, &name("a.example")).is_ok());
        assert_eq!(allowed.count(), 99);
        clock.advance(Quota::MAX_PERIOD);
        assert!(usage.charge(&quota, &name("a.example")).is_ok());
    }
}
