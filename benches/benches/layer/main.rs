//! What `KlientoAuthLayer` costs beside what it can't do without, and beside its peers.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "it reports figures, or ends; the peers read the clock"
)]

mod hit;
mod peers;
mod verification;

use std::{env, fs};

use benches::{Comparison, chart};

const TITLE: &str = "kliento-tower: ratios measured in one run; shorter is faster";

fn main() {
    let mut arguments = env::args().skip_while(|argument| argument != "--chart").skip(1);
    println!("{}", Comparison::head());
    let sections: [fn() -> Vec<Comparison>; 4] =
        [verification::first_sight, verification::seen_before, hit::all, peers::all];
    let mut comparisons = Vec::new();
    for section in sections {
        for comparison in section() {
            println!("{comparison}");
            comparisons.push(comparison);
        }
    }
    if let Some(file) = arguments.next() {
        fs::write(&file, chart(TITLE, &comparisons)).expect("a file that can be written");
    }
}
