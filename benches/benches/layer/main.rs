//! The cost of `KlientoAuthLayer`, compared with its unavoidable work and with its peers.
//!
//! `cargo bench -p benches --bench layer -- hit peers` runs only these sections.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics; the peers read the clock"
)]

mod hit;
mod peers;
mod verification;

use std::{env, fs};

use benches::{Comparison, chart};

const TITLE: &str = "kliento-tower: ratios measured in one run; shorter is faster";

/// A group of measurements.
type Section = fn() -> Vec<Comparison>;

/// All sections run in this order, unless the command line names some.
const SECTIONS: [(&str, Section); 4] = [
    ("cold", verification::cold),
    ("warm", verification::warm),
    ("hit", hit::all),
    ("peers", peers::all),
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_named = |name| arguments.iter().any(|argument| argument == name);
    let names_any = SECTIONS.iter().any(|(name, _)| is_named(name));
    println!("{}", Comparison::head());
    let mut comparisons = Vec::new();
    for (_, section) in SECTIONS.iter().filter(|(name, _)| is_named(name) || !names_any) {
        for comparison in section() {
            println!("{comparison}");
            comparisons.push(comparison);
        }
    }
    let file = arguments.iter().skip_while(|argument| *argument != "--chart").nth(1);
    if let Some(file) = file {
        fs::write(file, chart(TITLE, &comparisons)).expect("a file that can be written");
    }
}
