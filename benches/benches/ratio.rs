//! How much dearer a verification is than the sum of its bare signature checks.
#![allow(clippy::print_stdout, reason = "it reports figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::{Bundle, Checks};
use veraid::{DirectVerifier, SignatureCheck};

/// Below this, verification is as cheap as it should be.
const TARGET: f64 = 1.05;

fn main() {
    // `cargo test --benches` asks whether it runs at all.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 5000 } else { 3 };
    println!("{:<24} {:>10} {:>10} {:>7}", "bundle", "verified", "checks", "ratio");
    for name in ["member-user", "org-user", "rsa4096-org-sha512", "mock-chain-member-user"] {
        let bundle = Bundle::reference(name);
        let checks = Checks::of(&bundle);
        let verify = || assert!(bundle.verify(&DirectVerifier).is_ok());
        report(name, &alternate(rounds, verify, || check_all(&checks)));
        let verify = || assert!(bundle.verify_header().is_ok());
        report(&format!("{name}, header"), &alternate(rounds, verify, || check_all(&checks)));
    }
}

fn check_all(checks: &[SignatureCheck<'_>]) {
    assert!(checks.iter().all(|check| black_box(check).verify()));
}

/// The median times of two operations.
struct Medians {
    verified: Duration,
    checked: Duration,
}

/// Times two operations in turn, so that what disturbs the machine disturbs both.
fn alternate(rounds: usize, verify: impl Fn(), check: impl Fn()) -> Medians {
    let (mut verified, mut checked) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who goes first changes too: the second finds the caches as the first left them.
        if round % 2 == 0 {
            verified.push(time(&verify));
            checked.push(time(&check));
        } else {
            checked.push(time(&check));
            verified.push(time(&verify));
        }
    }
    Medians { verified: median(verified), checked: median(checked) }
}

fn time(operation: impl Fn()) -> Duration {
    let start = Instant::now();
    operation();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn report(name: &str, medians: &Medians) {
    let Medians { verified, checked } = medians;
    let ratio = verified.as_secs_f64() / checked.as_secs_f64();
    let verdict = if ratio <= TARGET { "" } else { "  above the target" };
    let micros = |time: &Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name:<24} {:>7.1} us {:>7.1} us {ratio:>7.3}{verdict}",
        micros(verified),
        micros(checked)
    );
}
