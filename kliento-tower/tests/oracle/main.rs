//! The layer's decisions agree with verification without caches, in a random walk.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may end by a panic, and says how to repeat it"
)]

mod bundles;
#[path = "../mock/exchange.rs"]
mod exchange;
mod query;
mod walk;

use std::env;

use walk::{Figures, Walk};

/// Both tests together make this many look-ups and more.
const LOOK_UPS: usize = 60_000;

#[test]
fn large_cache_agrees_with_verification() {
    let figures = walk(16 * 1024 * 1024, 10_000);
    assert!(figures.hits > LOOK_UPS / 4, "too few hits to tell: {figures:?}");
}

/// Few bundles fit, so that most are pushed out before they are asked for again.
#[test]
fn small_cache_agrees_with_verification() {
    let figures = walk(2 * 1024, 12);
    assert!(figures.hits > LOOK_UPS / 20, "too few hits to tell: {figures:?}");
    let verified_anew = figures.accepted - figures.hits;
    assert!(verified_anew > LOOK_UPS / 30, "too few evictions to tell: {figures:?}");
}

fn walk(octets: u64, signatures: usize) -> Figures {
    let seed = env::var("ORACLE_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    eprintln!("seed {seed}; ORACLE_SEED changes it");
    let figures = Walk::new(seed, octets, signatures).run(LOOK_UPS);
    eprintln!("{figures:?}");
    assert!(figures.accepted > LOOK_UPS / 4, "too few accepted to tell: {figures:?}");
    assert!(figures.refused > LOOK_UPS / 8, "too few refused to tell: {figures:?}");
    assert!(figures.reasons.len() > 5, "too few reasons to tell: {figures:?}");
    figures
}
