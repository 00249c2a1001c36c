//! What a layer keeps in memory of a million different bundles and a million pieces of garbage.
//!
//! The bundles verify and differ in an unsigned attribute, which is ignored, since a million
//! signatures would take hours. A third of the garbage is forged, a third is cut, and a third are
//! characters at random; every eighth bundle comes back at once. All of it goes through one layer,
//! from as many threads as there are processors, with the allocator of the system.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it reports figures, or ends"
)]

use std::fs;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread::{self, available_parallelism};

use benches::{Bundle, Caller, Variants, rounds};
use http::Request;
use http::header::AUTHORIZATION;
use kliento_tower::{BundleCache, KlientoAuthLayer, SignatureMemo};

/// What the layer may keep: the bounds of its cache and memo, and what the allocator does not give
/// back. glibc has arenas for threads; with `MALLOC_ARENA_MAX=1` it keeps next to nothing.
const BOUND: u64 = BundleCache::DEFAULT_OCTETS + MEMO + ALLOCATOR;
const MEMO: u64 = 200 * SignatureMemo::DEFAULT_SIGNATURES as u64;
const ALLOCATOR: u64 = 32 * 1024 * 1024;
const STEPS: u64 = 4;

fn main() -> ExitCode {
    let each = (rounds(1_000_000) as u64 / STEPS).max(64);
    let threads = available_parallelism().map_or(1, NonZero::get);
    let variants = Variants::of(Bundle::reference("member-user"));
    let (cache, memo) = (BundleCache::default(), SignatureMemo::default());
    let layer = variants.bundle().layer().with_concurrency(threads);
    let layer = layer.with_cache(cache.clone()).with_signature_memo(memo.clone());
    // What the programme itself needs is not the layer's.
    present(&layer, &variants, threads, 0..64);
    cache.clear();
    let before = resident();
    println!(
        "{:>10} {:>10} {:>12} {:>9} {:>11}",
        "bundles", "garbage", "resident", "cached", "signatures"
    );
    for step in 0..STEPS {
        let first = 64 + step * each;
        present(&layer, &variants, threads, first..first + each);
        let (done, growth) = ((step + 1) * each, resident().saturating_sub(before));
        let growth = growth as f64 / 1_048_576.0;
        println!("{done:>10} {done:>10} {growth:>+8.1} MiB {:>9} {:>11}", cache.len(), memo.len());
    }
    let growth = resident().saturating_sub(before);
    let is_bounded = growth <= BOUND;
    let verdict = if is_bounded { "as bounded" } else { "more than the bound" };
    println!("{verdict}: {} MiB", BOUND / 1_048_576);
    if is_bounded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Presents a bundle and a piece of garbage for each number.
fn present(
    layer: &KlientoAuthLayer,
    variants: &Variants,
    threads: usize,
    numbers: std::ops::Range<u64>,
) {
    thread::scope(|scope| {
        for thread in 0..threads {
            let numbers = numbers.clone().skip(thread).step_by(threads);
            scope.spawn(move || {
                let mut caller = Caller::new(layer);
                for number in numbers {
                    let times = if number % 8 == 0 { 3 } else { 1 };
                    for _ in 0..times {
                        assert!(caller.call(variants.good(number)).status().is_success());
                    }
                    assert!(caller.call(garbage(variants, number)).status().is_client_error());
                }
            });
        }
    });
}

fn garbage(variants: &Variants, number: u64) -> Request<()> {
    match number % 3 {
        0 => variants.forged(number),
        1 => variants.cut(number),
        _ => random(number),
    }
}

/// Characters of Base64 as `xorshift` gives them, of any length that is taken.
fn random(seed: u64) -> Request<()> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let length = next() % 21_848;
    let characters = (0..length).filter_map(|_| ALPHABET.get((next() >> 58) as usize));
    let text: String = characters.map(|character| char::from(*character)).collect();
    let value = format!("Kliento {text}");
    Request::builder().header(AUTHORIZATION, value).body(()).expect("a header")
}

/// The octets of the process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0_u64) * 1024
}
