//! The cost of a verification, relative to the sum of its bare signature checks.
#![allow(clippy::print_stdout, reason = "prints figures")]

use std::hint::black_box;
use std::time::Duration;

use benches::{Bundle, Checks, Medians, rounds};
use veraid::{DirectVerifier, SignatureCheck};

/// The maximum ratio.
const TARGET: f64 = 1.05;

fn main() {
    let rounds = rounds(5000);
    println!("{:<36} {:>10} {:>10} {:>7}", "bundle", "verified", "checks", "ratio");
    for (name, bundle) in Bundle::measured() {
        let checks = Checks::of(&bundle);
        let verify = || assert!(bundle.verify(&mut DirectVerifier).is_ok());
        report(name, &Medians::time_alternating(rounds, verify, || check_all(&checks)));
        let verify = || assert!(bundle.verify_header().is_ok());
        report(
            &format!("{name}, header"),
            &Medians::time_alternating(rounds, verify, || check_all(&checks)),
        );
    }
}

fn check_all(checks: &[SignatureCheck<'_>]) {
    assert!(checks.iter().all(|check| black_box(check).verify()));
}

fn report(name: &str, medians: &Medians) {
    let (verified, checked) = (micros(medians.first), micros(medians.second));
    let ratio = medians.ratio();
    let verdict = if ratio <= TARGET { "" } else { "  above the target" };
    println!("{name:<36} {verified:>7.1} us {checked:>7.1} us {ratio:>7.3}{verdict}");
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
