//! The memory of a layer after a million different bundles and a million pieces of garbage.
//!
//! The bundles are valid and differ in an unsigned attribute, which is ignored, since a million
//! signatures would take hours. Half of the garbage is random characters, a quarter is forged, and
//! a quarter is truncated; every eighth bundle is repeated immediately. All of it goes through one
//! layer, from one thread per processor, with the system's allocator.
//!
//! The target is for the maximum of the allocated memory. The resident memory is only printed: it
//! depends on which threads allocate and free, since glibc has arenas per thread. With
//! `MALLOC_ARENA_MAX=1` it returns almost all of it.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

use std::alloc::System;
use std::fs;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread::{self, available_parallelism};

use benches::{Bundle, Caller, Variants, rounds};
use cap::Cap;
use http::Request;
use http::header::AUTHORIZATION;
use kliento_tower::{BundleCache, KlientoAuthLayer, SignatureCache};

/// The bounds of the layer's caches.
const CONFIGURED: u64 = BundleCache::DEFAULT_MAX_OCTETS + SIGNATURE_CACHE_OCTETS;
const SIGNATURE_CACHE_OCTETS: u64 = 1_250 * SignatureCache::DEFAULT_CAPACITY as u64;
const STEPS: u64 = 4;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    let each = (rounds(1_000_000) as u64 / STEPS).max(64);
    let threads = available_parallelism().map_or(1, NonZero::get);
    let variants = Variants::of(Bundle::reference("member-user"));
    let (cache, signature_cache) = (BundleCache::default(), SignatureCache::default());
    let layer = variants.bundle().layer().with_concurrency_limit(threads);
    let layer = layer.expect("at most 1,024 processors");
    let layer = layer.with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    // Excludes the memory of the program itself.
    present(&layer, &variants, threads, 0..64);
    cache.clear();
    let (resident_before, before) = (resident(), HEAP.allocated());
    println!(
        "{:>10} {:>10} {:>12} {:>12} {:>12} {:>9} {:>11}",
        "bundles", "garbage", "allocated", "at most", "resident", "cached", "signatures"
    );
    for step in 0..STEPS {
        let first = 64 + step * each;
        present(&layer, &variants, threads, first..first + each);
        let done = (step + 1) * each;
        let allocated = mib(HEAP.allocated().saturating_sub(before) as u64);
        let max = mib(HEAP.max_allocated().saturating_sub(before) as u64);
        let resident = mib(resident().saturating_sub(resident_before));
        let (cached, signatures) = (cache.len(), signature_cache.len());
        println!("{done:>10} {done:>10} {allocated} {max} {resident} {cached:>9} {signatures:>11}");
    }
    let max = HEAP.max_allocated().saturating_sub(before) as u64;
    let is_bounded = max <= CONFIGURED;
    let result = if is_bounded { "within the bounds" } else { "MISSED" };
    println!("allocated at most: {} of {}, {result}", mib(max).trim(), mib(CONFIGURED).trim());
    if is_bounded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mib(octets: u64) -> String {
    format!("{:>+8.1} MiB", octets as f64 / 1_048_576.0)
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
    match number % 4 {
        0 => variants.forged(number),
        1 => variants.truncated(number),
        _ => random(number),
    }
}

/// Random Base64 characters from `xorshift`, of any accepted length.
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

/// Returns the resident memory of the process, in octets.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).expect("a line of that name");
    kib.parse::<u64>().expect("a number of KiB") * 1024
}
