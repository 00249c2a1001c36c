//! Each pair of operations of two nodes, through the interleavings of their statements: the outcome
//! is that of one after the other.
//!
//! A proxy holds the statements of both nodes, and lets one at a time proceed. Where it waits for a
//! lock of the other node, the other proceeds. What only prepares a statement or begins a
//! transaction is no statement, since it has no effect on others. The expected outcomes are those
//! of the store itself, one operation after the other, which the model test compares with its
//! oracle.
//!
//! `KLEIDIA_INTERLEAVINGS=all` runs all that differ instead of a sample, which `KLEIDIA_MODEL_SEED`
//! chooses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "the test reports how many schedules it ran")]

mod fixture;
#[path = "../support/numbered.rs"]
mod numbered;
mod operations;
mod pair;
mod schedule;
mod scheduler;
mod statement_proxy;

use std::env;

use fastrand::Rng;
use operations::Operation;
use pair::Nodes;

/// How many schedules of each pair are run if not all are.
const SAMPLE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_operations_have_the_outcome_of_one_after_the_other() {
    let is_complete = env::var("KLEIDIA_INTERLEAVINGS").is_ok_and(|which| which == "all");
    let seed = env::var("KLEIDIA_MODEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random = Rng::with_seed(seed.unwrap_or(1));
    let mut nodes = Nodes::start().await;
    let (mut pairs, mut schedules) = (0, 0);
    for (index, first) in Operation::ALL.into_iter().enumerate() {
        for second in &Operation::ALL[index..] {
            let pair = [first, *second];
            pairs += 1;
            let count = if is_complete {
                nodes.check_all(pair).await
            } else {
                nodes.check_sample(pair, SAMPLE, &mut random).await
            };
            if is_complete {
                println!("{count:>5}  {pair:?}");
            }
            schedules += count;
        }
    }
    println!("{schedules} schedules of {pairs} pairs");
}
