//! Random schedules, compared with a leaky bucket in exact arithmetic.

use std::collections::HashMap;
use std::time::Duration;

use kleidia_tower::rate_limit::{Limit, RateLimitError, RateLimiter};

use crate::fixture::ManualClock;

/// What remains for each key, in units of `1 / interval`, so nothing is rounded.
struct Oracle {
    interval: u128,
    burst: u128,
    /// What remained, and at which time.
    left: HashMap<u8, (u128, Duration)>,
}

impl Oracle {
    fn left(&self, key: u8, now: Duration) -> u128 {
        let full = self.burst * self.interval;
        let Some((left, then)) = self.left.get(&key) else { return full };
        full.min(left + now.abs_diff(*then).as_nanos())
    }

    /// Returns what remains, or the nanoseconds to wait.
    fn charge(&mut self, key: u8, cost: u128, now: Duration) -> Result<u128, u128> {
        let (left, price) = (self.left(key, now), cost * self.interval);
        let rest = left.checked_sub(price).ok_or(price - left.min(price))?;
        self.left.insert(key, (rest, now));
        Ok(rest)
    }
}

#[test]
fn random_schedules_agree_with_a_leaky_bucket() {
    for seed in 0..200 {
        schedule(seed);
    }
}

fn schedule(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (clock, period) =
        (ManualClock::default(), Duration::from_nanos(rng.u64(1..100_000_000_000)));
    let count = rng.u32(1..=u32::try_from(period.as_nanos().min(1000)).unwrap());
    let burst = rng.u32(1..50);
    let limit = Limit::per(period, count).unwrap().with_burst(burst).unwrap();
    let limiter = clock.limiter_with(limit);
    let interval = period.as_nanos() / u128::from(count);
    let mut oracle = Oracle { interval, burst: burst.into(), left: HashMap::new() };
    for step in 0..500 {
        // Some steps take no time, most take some intervals, few refill the budget.
        let intervals = [0, 1, 3, 100][rng.usize(0..4)];
        let max = u64::try_from(interval * intervals).unwrap();
        clock.advance(Duration::from_nanos(rng.u64(0..=max)));
        let (key, cost) = (rng.u8(0..4), rng.u32(0..burst + 2));
        let context = format!("seed {seed}, step {step}");
        let before = oracle.left(key, clock.now()) / interval;
        assert_eq!(u128::from(limiter.peek(&key).count()), before, "{context}");
        let charged = limiter.check(&key, cost);
        if cost > burst {
            assert_eq!(charged, Err(RateLimitError::CostExceedsBurst { cost, burst }), "{context}");
            continue;
        }
        match oracle.charge(key, cost.into(), clock.now()) {
            Ok(left) => {
                assert_eq!(u128::from(charged.unwrap().count()), left / interval, "{context}");
            }
            Err(wait) => {
                let retry_after = Duration::from_nanos(u64::try_from(wait).unwrap());
                assert_eq!(charged, Err(RateLimitError::Exceeded { retry_after }), "{context}");
            }
        }
    }
}

#[test]
fn allows_a_request_exactly_after_retry_after() {
    let clock = ManualClock::default();
    let limiter = clock.limiter("3/10");
    assert!(limiter.check("key", 3).is_ok());
    let Err(RateLimitError::Exceeded { retry_after }) = limiter.check("key", 2) else {
        panic!("the limit is exceeded")
    };
    clock.advance(retry_after.saturating_sub(Duration::from_nanos(1)));
    assert!(limiter.check("key", 2).is_err());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(limiter.check("key", 2).unwrap().count(), 0);
}

#[test]
fn rejected_requests_and_peeks_are_not_charged() {
    let clock = ManualClock::default();
    let limiter = clock.limiter("2/10");
    limiter.check("key", 2).unwrap();
    for _ in 0..1000 {
        assert!(limiter.check("key", 1).is_err());
        assert_eq!(limiter.peek("key").count(), 0);
    }
    assert_eq!(limiter.peek("key").next_in(), Duration::from_secs(5));
    clock.advance(Duration::from_secs(5));
    assert_eq!(limiter.peek("key").count(), 1);
    limiter.check("key", 0).unwrap();
    limiter.check("key", 1).unwrap();
    clock.advance(Duration::from_secs(10));
    assert_eq!(limiter.peek("key").next_in(), Duration::ZERO);
}

#[test]
fn rejects_costs_above_the_burst() {
    let clock = ManualClock::default();
    let century = Limit::per(Limit::MAX_REFILL_TIME, 1).unwrap();
    let limiter = clock.limiter_with(century);
    assert!(limiter.check("key", 1).is_ok());
    for cost in [2, u32::MAX] {
        let error = limiter.check("key", cost);
        assert_eq!(error, Err(RateLimitError::CostExceedsBurst { cost, burst: 1 }));
    }
}

#[test]
fn system_clock_refills_the_budget() {
    let limiter = RateLimiter::new(Limit::per(Duration::from_millis(20), 1).unwrap());
    limiter.check("key", 1).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while limiter.check("key", 1).is_err() {
        assert!(std::time::Instant::now() < deadline, "the budget was not refilled");
        std::thread::yield_now();
    }
}
