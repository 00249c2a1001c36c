//! The generic cell rate algorithm (GCRA) as a pure function of numbers.

use std::num::NonZeroU32;
use std::time::Duration;

/// 36,500 days in nanoseconds, which is [`Limit::MAX_REFILL_TIME`](super::Limit::MAX_REFILL_TIME).
const MAX_EMISSION_INTERVAL: u64 = 36_500 * 86_400 * 1_000_000_000;

/// The rate of a limit: one unit is refilled per emission interval, up to a burst of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// In nanoseconds.
    pub(crate) emission_interval: u64,
    pub(crate) burst: NonZeroU32,
}

impl Rate {
    /// The time in which a whole burst refills, in nanoseconds.
    pub(crate) const fn burst_tolerance(self) -> u64 {
        self.emission_interval.saturating_mul(self.burst.get() as u64)
    }

    /// Returns the part of the rate for one of several nodes: at least a burst of 1.
    pub(crate) fn share(self, nodes: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(self.burst.get() / nodes).unwrap_or(NonZeroU32::MIN);
        let emission_interval = self.emission_interval.saturating_mul(nodes.get().into());
        // Above it, times would saturate, and each charge would be allowed.
        let emission_interval = emission_interval.min(MAX_EMISSION_INTERVAL);
        Self { emission_interval, burst }
    }

    /// Returns the rate with its emission interval rounded up to a whole microsecond.
    pub(crate) const fn in_whole_microseconds(self) -> Self {
        let emission_interval = match self.emission_interval.checked_next_multiple_of(1000) {
            Some(interval) => interval,
            None => self.emission_interval,
        };
        Self { emission_interval, ..self }
    }

    /// Charges a key with a cost, given its theoretical arrival time (TAT), which is the time at
    /// which its budget is full again.
    ///
    /// Returns the new TAT, or the time to wait until the cost can be charged. Times are
    /// nanoseconds of the limiter's clock. All arithmetic saturates.
    pub(crate) fn charge(self, tat: u64, now: u64, cost: u32) -> Result<u64, Duration> {
        let increment = self.emission_interval.saturating_mul(cost.into());
        let new_tat = tat.max(now).saturating_add(increment);
        let allowed_at = new_tat.saturating_sub(self.burst_tolerance());
        match allowed_at.saturating_sub(now) {
            0 => Ok(new_tat),
            wait => Err(Duration::from_nanos(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::{Clock as _, FakeRelativeClock};
    use governor::{Quota, RateLimiter};

    use super::*;

    /// Random rates, costs and times: each decision and each wait is governor's.
    #[test]
    fn agrees_with_governor() {
        let (mut allowed, mut rejected) = (0, 0);
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let burst = NonZeroU32::new(rng.u32(1..=1000)).unwrap();
            let max_interval = [1, 1000, 1_000_000_000, 1_000_000_000_000][rng.usize(0..4)];
            let emission_interval = rng.u64(1..=max_interval);
            let rate = Rate { emission_interval, burst };
            let quota = Quota::with_period(Duration::from_nanos(emission_interval)).unwrap();
            let clock = FakeRelativeClock::default();
            let oracle = RateLimiter::direct_with_clock(quota.allow_burst(burst), clock.clone());
            let (mut tat, mut now) = (0, 0);
            for _ in 0..40 {
                let intervals = [0, 1, 3, 100, 2000][rng.usize(0..5)];
                let step = rng.u64(0..=emission_interval * intervals);
                now += step;
                clock.advance(Duration::from_nanos(step));
                let cost = rng.u32(1..=burst.get());
                let expected = oracle.check_n(NonZeroU32::new(cost).unwrap()).unwrap();
                let expected = expected.map_err(|not_until| not_until.wait_time_from(clock.now()));
                match rate.charge(tat, now, cost) {
                    Ok(new_tat) => {
                        assert!(expected.is_ok(), "seed {seed}: {rate:?}, {cost} at {now}");
                        tat = new_tat;
                        allowed += 1;
                    }
                    Err(wait) => {
                        assert_eq!(expected, Err(wait), "seed {seed}: {rate:?}, {cost} at {now}");
                        rejected += 1;
                    }
                }
            }
        }
        assert!(allowed > 5000 && rejected > 5000, "{allowed} allowed, {rejected} rejected");
    }

    #[test]
    fn saturates_instead_of_overflowing() {
        let extremes = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
        for emission_interval in extremes.into_iter().skip(1) {
            for burst in [NonZeroU32::MIN, NonZeroU32::MAX] {
                let rate = Rate { emission_interval, burst };
                for (tat, now) in extremes.iter().flat_map(|tat| extremes.map(|now| (*tat, now))) {
                    for cost in [0, 1, u32::MAX] {
                        if let Ok(new_tat) = rate.charge(tat, now, cost) {
                            assert!(new_tat >= tat.max(now), "{rate:?}, {cost} at {now}");
                        }
                    }
                }
            }
        }
    }
}
