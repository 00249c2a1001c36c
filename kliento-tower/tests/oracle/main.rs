//! The layer's decisions agree with verification without caches, in a random walk.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may end by a panic, and prints its seed"
)]

mod bundles;
#[path = "../mock/exchange.rs"]
mod exchange;
mod query;
mod walk;

use std::env;

use walk::{Statistics, Walk};

/// The lookups of each test.
const LOOK_UPS: usize = 60_000;

#[test]
fn large_cache_agrees_with_verification() {
    let statistics = walk(16 * 1024 * 1024, 10_000);
    assert!(statistics.hits > LOOK_UPS / 4, "too few hits: {statistics:?}");
}

/// Few bundles fit, so most are evicted before they are sent again.
#[test]
fn small_cache_agrees_with_verification() {
    let statistics = walk(2 * 1024, 12);
    assert!(statistics.hits > LOOK_UPS / 20, "too few hits: {statistics:?}");
    let verified_again = statistics.accepted - statistics.hits;
    assert!(verified_again > LOOK_UPS / 30, "too few evictions: {statistics:?}");
}

fn walk(octets: u64, signatures: usize) -> Statistics {
    let seed = env::var("ORACLE_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    eprintln!("seed {seed}; ORACLE_SEED changes it");
    let statistics = Walk::new(seed, octets, signatures).run(LOOK_UPS);
    eprintln!("{statistics:?}");
    assert!(statistics.accepted > LOOK_UPS / 4, "too few accepted: {statistics:?}");
    assert!(statistics.rejected > LOOK_UPS / 8, "too few rejected: {statistics:?}");
    assert!(statistics.reasons.len() > 5, "too few reasons: {statistics:?}");
    statistics
}
