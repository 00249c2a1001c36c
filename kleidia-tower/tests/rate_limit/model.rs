//! Random schedules, beside a leaky bucket that counts in exact fractions.

use std::collections::HashMap;
use std::time::Duration;

use kleidia_tower::rate_limit::{Limit, RateLimitError, RateLimiter};

use crate::world::Hand;

/// What each key has left, in units of `1 / cell`, so that nothing is rounded: a unit is `cell`.
struct Oracle {
    cell: u128,
    burst: u128,
    /// What is left, and when that was so.
    left: HashMap<u8, (u128, Duration)>,
}

impl Oracle {
    fn left(&self, key: u8, now: Duration) -> u128 {
        let full = self.burst * self.cell;
        let Some((left, then)) = self.left.get(&key) else { return full };
        full.min(left + now.abs_diff(*then).as_nanos())
    }

    /// What is left afterwards, or the nanoseconds to wait.
    fn charge(&mut self, key: u8, cost: u128, now: Duration) -> Result<u128, u128> {
        let (left, price) = (self.left(key, now), cost * self.cell);
        let rest = left.checked_sub(price).ok_or(price - left.min(price))?;
        self.left.insert(key, (rest, now));
        Ok(rest)
    }
}

#[test]
fn random_schedules_pass_as_a_bucket_would_let_them() {
    for seed in 0..200 {
        schedule(seed);
    }
}

fn schedule(seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let (hand, period) = (Hand::default(), Duration::from_nanos(chance.u64(1..100_000_000_000)));
    let count = chance.u32(1..=u32::try_from(period.as_nanos().min(1000)).unwrap());
    let burst = chance.u32(1..50);
    let limit = Limit::per(period, count).unwrap().with_burst(burst).unwrap();
    let clock = hand.clone();
    let limiter = RateLimiter::new(limit).with_clock(move || clock.now());
    let cell = period.as_nanos() / u128::from(count);
    let mut oracle = Oracle { cell, burst: burst.into(), left: HashMap::new() };
    for step in 0..500 {
        // Some steps take no time, most take some cells, few pay everything.
        let cells = [0, 1, 3, 100][chance.usize(0..4)];
        let most = u64::try_from(cell * cells).unwrap();
        hand.advance(Duration::from_nanos(chance.u64(0..=most)));
        let (key, cost) = (chance.u8(0..4), chance.u32(0..burst + 2));
        let place = format!("seed {seed}, step {step}");
        let before = oracle.left(key, hand.now()) / cell;
        assert_eq!(u128::from(limiter.peek(&key).units()), before, "{place}");
        let charged = limiter.check(&key, cost);
        if cost > burst {
            assert_eq!(charged, Err(RateLimitError::CostExceedsBurst { cost, burst }), "{place}");
            continue;
        }
        match oracle.charge(key, cost.into(), hand.now()) {
            Ok(left) => assert_eq!(u128::from(charged.unwrap().units()), left / cell, "{place}"),
            Err(wait) => {
                let retry_after = Duration::from_nanos(u64::try_from(wait).unwrap());
                assert_eq!(charged, Err(RateLimitError::Exceeded { retry_after }), "{place}");
            }
        }
    }
}

#[test]
fn what_is_told_to_wait_passes_then_and_not_before() {
    let hand = Hand::default();
    let limiter = hand.limiter("3/10");
    assert!(limiter.check("key", 3).is_ok());
    let Err(RateLimitError::Exceeded { retry_after }) = limiter.check("key", 2) else {
        panic!("the budget is spent")
    };
    hand.advance(retry_after.saturating_sub(Duration::from_nanos(1)));
    assert!(limiter.check("key", 2).is_err());
    hand.advance(Duration::from_nanos(1));
    assert_eq!(limiter.check("key", 2).unwrap().units(), 0);
}

#[test]
fn refusals_and_looks_cost_nothing() {
    let hand = Hand::default();
    let limiter = hand.limiter("2/10");
    limiter.check("key", 2).unwrap();
    for _ in 0..1000 {
        assert!(limiter.check("key", 1).is_err());
        assert_eq!(limiter.peek("key").units(), 0);
    }
    assert_eq!(limiter.peek("key").more_in(), Duration::from_secs(5));
    hand.advance(Duration::from_secs(5));
    assert_eq!(limiter.peek("key").units(), 1);
    limiter.check("key", 0).unwrap();
    limiter.check("key", 1).unwrap();
    hand.advance(Duration::from_secs(10));
    assert_eq!(limiter.peek("key").more_in(), Duration::ZERO);
}

#[test]
fn costs_that_would_overflow_are_refused() {
    let hand = Hand::default();
    let century = Limit::per(Limit::MAX_REPLENISHED_IN, 1).unwrap();
    let limiter = RateLimiter::new(century).with_clock(move || hand.now());
    assert!(limiter.check("key", 1).is_ok());
    for cost in [2, u32::MAX] {
        let error = limiter.check("key", cost);
        assert_eq!(error, Err(RateLimitError::CostExceedsBurst { cost, burst: 1 }));
    }
}

#[test]
fn the_system_clock_goes_on() {
    let limiter = RateLimiter::new(Limit::per(Duration::from_millis(20), 1).unwrap());
    limiter.check("key", 1).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while limiter.check("key", 1).is_err() {
        assert!(std::time::Instant::now() < deadline, "nothing ever comes back");
        std::thread::yield_now();
    }
}
