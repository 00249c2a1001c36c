//! The cost of the most expensive bundles, relative to a typical one.
#![allow(clippy::print_stdout, reason = "prints figures")]

use benches::{Bundle, Checks, Medians, WorstCaseBundle, rounds};
use veraid::StagedVerifier;

/// The maximum cost of a bundle, relative to a typical one.
const TARGET: f64 = 10.0;

fn main() {
    let rounds = rounds(500);
    let typical = Bundle::reference("member-user");
    println!(
        "{:<50} {:>6} {:>6} {:>18} {:>18}",
        "bundle", "octets", "checks", "at an instant", "over a period"
    );
    for WorstCaseBundle { name, bundle } in WorstCaseBundle::all() {
        let (octets, checks) = (bundle.octets.len(), Checks::of(&bundle).len());
        let at = Medians::time_alternating(
            rounds,
            || drop(bundle.verify_header()),
            || drop(typical.verify_header()),
        );
        let during = Medians::time_alternating(
            rounds,
            || drop(bundle.verify_during(&mut StagedVerifier::new())),
            || drop(typical.verify_during(&mut StagedVerifier::new())),
        );
        println!(
            "{name:<50} {octets:>6} {checks:>6} {} {}",
            format_medians(&at),
            format_medians(&during)
        );
    }
}

fn format_medians(medians: &Medians) -> String {
    let (micros, ratio) = (medians.first.as_secs_f64() * 1e6, medians.ratio());
    let mark = if ratio <= TARGET { ' ' } else { '!' };
    format!("{micros:>6.0} us {ratio:>6.2}x{mark}")
}
