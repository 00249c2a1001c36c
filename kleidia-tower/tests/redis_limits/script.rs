//! The script with the clock of the test: it decides as the store in memory does, to the
//! microsecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kleidia_tower::rate_limit::{
    Limit, LimitDecision, LimitKey, LimitStore as _, MemoryLimitStore,
};
use redis::{Connection, Script};
use test_servers::RedisServer;

use crate::server::Commands as _;

const SCRIPT: &str = include_str!("../../src/rate_limit/redis/charge.lua");
const CLOCK: &str = "redis.call('TIME')";

/// The start of the test's clock, in microseconds: in the year 2100.
const START: u64 = 4_102_444_800_000_000;

/// Returns the script with its time in the last arguments.
fn script_with_clock() -> Script {
    assert!(SCRIPT.contains(CLOCK));
    Script::new(&SCRIPT.replace(CLOCK, "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))
}

fn charge(
    (script, connection): &mut (Script, Connection),
    keys: &[LimitKey],
    cost: u32,
    now: u64,
) -> Vec<Duration> {
    let mut invocation = script.prepare_invoke();
    invocation.arg(cost);
    for key in keys {
        let [interval, tolerance] = [key.emission_interval(), key.burst_tolerance()];
        let [interval, tolerance] = [interval, tolerance].map(|time| time.as_micros().to_string());
        invocation.key(key.digest().to_vec()).arg(interval).arg(tolerance);
    }
    invocation.arg(now / 1_000_000).arg(now % 1_000_000);
    let backlogs: Vec<u64> = invocation.invoke(connection).unwrap();
    backlogs.into_iter().map(Duration::from_micros).collect()
}

/// Intervals from an hour to three years, so that Redis does not expire keys meanwhile.
fn random_key(rng: &mut fastrand::Rng, digest: u8) -> LimitKey {
    let burst = rng.u32(1..=30);
    let interval = Duration::from_micros(rng.u64(3_600_000_000..=100_000_000_000_000));
    let limit = Limit::per(interval, 1).unwrap().with_burst(burst).unwrap();
    LimitKey::new([digest; LimitKey::DIGEST_OCTETS], 0, &limit)
}

#[tokio::test]
async fn decides_as_the_store_in_memory() {
    let server = RedisServer::start();
    let mut redis = (script_with_clock(), server.connect());
    let (mut allowed, mut rejected) = (0, 0);
    for seed in 0..100 {
        let mut rng = fastrand::Rng::with_seed(seed);
        server.command::<()>("FLUSHALL");
        let now = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&now);
        let memory = MemoryLimitStore::new()
            .with_clock(move || Duration::from_micros(clock.load(Ordering::SeqCst)));
        let keys: Vec<_> = (0..4).map(|digest| random_key(&mut rng, digest)).collect();
        for step in 0..50 {
            let interval = keys[rng.usize(0..4)].emission_interval().as_micros();
            let max_step = u64::try_from(interval).unwrap() * [0, 1, 3][rng.usize(0..3)];
            now.fetch_add(rng.u64(0..=max_step), Ordering::SeqCst);
            let mut charged = keys.clone();
            rng.shuffle(&mut charged);
            charged.truncate(rng.usize(1..=4));
            let cost = [0, 1, 1, 2, 7, 31, u32::MAX][rng.usize(0..7)];
            let backlogs = charge(&mut redis, &charged, cost, now.load(Ordering::SeqCst));
            let decision = LimitDecision::from_backlogs(&charged, &backlogs, cost);
            let expected = memory.charge(&charged, cost).await.unwrap();
            assert_eq!(decision.unwrap(), expected, "seed {seed}, step {step}, cost {cost}");
            let count = if expected.retry_after().is_none() { &mut allowed } else { &mut rejected };
            *count += 1;
        }
    }
    assert!(allowed > 1000 && rejected > 1000, "{allowed} allowed, {rejected} rejected");
}

#[test]
fn clock_that_goes_back_costs_one_burst_at_most() {
    let server = RedisServer::start();
    let mut redis = (script_with_clock(), server.connect());
    let keys = [crate::fixture::key(1, "10/36000")];
    charge(&mut redis, &keys, 1, START + 3_600_000_000_000);
    assert_eq!(charge(&mut redis, &keys, 0, START), [Duration::from_secs(36_000)]);
    // And a key of a slower limit counts as an empty budget of the present one.
    let faster = [crate::fixture::key(1, "10/10")];
    assert_eq!(charge(&mut redis, &faster, 0, START), [Duration::from_secs(10)]);
}
