//! Memory bounds: a million addresses, and keys that have spent their budget.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::fixture::ManualClock;

const MILLION: u32 = 1_000_000;
const CAPACITY: usize = 10_000;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

#[test]
fn table_does_not_grow() {
    let limiter = ManualClock::default().limiter("5/60").with_capacity(CAPACITY).unwrap();
    for number in 0..MILLION {
        assert_eq!(limiter.check(&address(number), 1).unwrap().count(), 4);
    }
    assert_eq!(limiter.active_keys(), CAPACITY);
}

#[test]
fn new_addresses_do_not_evict_keys_with_less_budget() {
    let limiter = ManualClock::default().limiter("5/60").with_capacity(CAPACITY).unwrap();
    let spent: Vec<_> = (0..20).map(|number| format!("spent {number}")).collect();
    for key in &spent {
        limiter.check(key, 5).unwrap();
    }
    for number in 0..MILLION {
        limiter.check(&address(number), 1).unwrap();
    }
    for key in &spent {
        assert!(limiter.check(key, 1).is_err(), "{key} was evicted");
    }
}

/// Clients cannot tell which keys share a set, so evicting one key takes as many as the capacity.
#[test]
fn evicting_a_spent_key_takes_about_as_many_keys_as_the_capacity() {
    let mut min = u32::MAX;
    for _ in 0..20 {
        let limiter = ManualClock::default().limiter("5/60").with_capacity(CAPACITY).unwrap();
        limiter.check("hot", 5).unwrap();
        let mut spent = 0;
        while limiter.peek("hot").count() == 0 {
            limiter.check(&address(spent), 5).unwrap();
            spent += 1;
        }
        min = min.min(spent);
    }
    // On average it takes as many as the capacity; the minimum of 20 runs is lower.
    assert!(min as usize > CAPACITY / 5, "{min} keys were enough");
}

#[test]
fn buckets_are_free_once_the_budget_is_full() {
    let clock = ManualClock::default();
    let limiter = clock.limiter("5/60").with_capacity(CAPACITY).unwrap();
    for number in 0..MILLION / 10 {
        limiter.check(&address(number), 5).unwrap();
    }
    assert_eq!(limiter.active_keys(), CAPACITY);
    clock.advance(Duration::from_secs(60));
    assert_eq!(limiter.active_keys(), 0);
    // New keys do not inherit the state of the keys that they replace.
    let new = (0..1000).filter(|number| limiter.check(&address(MILLION + number), 5).is_ok());
    assert_eq!(new.count(), 1000);
    assert_eq!(limiter.active_keys(), 1000);
}

#[test]
fn keeps_half_as_many_keys_as_the_capacity() {
    let limiter = ManualClock::default().limiter("5/60").with_capacity(CAPACITY).unwrap();
    let half = u32::try_from(CAPACITY / 2).unwrap();
    for number in 0..half {
        limiter.check(&address(number), 5).unwrap();
    }
    // By chance, a few of 625 sets with 8 keys on average have more than 16.
    let evicted = (0..half).filter(|number| limiter.peek(&address(*number)).count() > 0).count();
    assert!(evicted < CAPACITY / 100, "{evicted} were evicted");
}

#[test]
fn capacity_is_at_least_one() {
    let limiter = || ManualClock::default().limiter("1/60");
    for invalid in [0, 100_000_001, usize::MAX] {
        assert!(limiter().with_capacity(invalid).is_err());
    }
    let limiter = limiter().with_capacity(1).unwrap();
    assert!(limiter.check("key", 1).is_ok());
    assert!(limiter.check("key", 1).is_err());
}
