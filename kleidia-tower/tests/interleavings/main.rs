//! Each pair of operations of two nodes, through the interleavings of their statements: the outcome
//! is that of one after the other.
//!
//! A proxy holds the statements of both nodes, and lets one at a time proceed. Where it waits for a
//! lock of the other node, the other proceeds. Without a lock, some outcome is another one:
//! `needed_locks` shows that for each. What only prepares a statement or begins a
//! transaction is no statement, since it has no effect on others. The expected outcomes are those
//! of the store itself, one operation after the other, which the model test compares with its
//! oracle.
//!
//! Without further settings it runs a sample: at least one schedule of each pair, and one of each in
//! turn until 60 s have passed. `KLEIDIA_MODEL_SEED` chooses it. `KLEIDIA_INTERLEAVINGS=all` runs all
//! schedules that differ: on 2026-11-29 these were 3,735 for the
//! 29 operations of then, in 526 s on two cores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "the test reports how many schedules it ran")]

mod fixture;
mod locks;
mod log_base;
mod needed_locks;
#[path = "../support/numbered.rs"]
mod numbered;
mod operations;
mod pair;
mod schedule;
mod scheduler;
mod statement_proxy;

use std::env;
use std::time::{Duration, Instant};

use fastrand::Rng;
use operations::Operation;
use pair::Nodes;
use scheduler::Sample;

/// How many schedules of each pair are run at least if not all are.
const MIN_SAMPLE: u32 = 1;
/// For how long further ones are run: one of each pair in turn.
const SAMPLE_TIME: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_operations_have_the_outcome_of_one_after_the_other() {
    let all = Operation::ALL.into_iter().enumerate();
    let pairs =
        all.flat_map(|(index, one)| Operation::ALL[index..].iter().map(move |it| [one, *it]));
    let pairs: Vec<_> = pairs.collect();
    if env::var("KLEIDIA_INTERLEAVINGS").is_ok_and(|which| which == "all") {
        check_all(&pairs).await;
    } else {
        check_sample(&pairs).await;
    }
}

async fn check_all(pairs: &[[Operation; 2]]) {
    let (mut nodes, mut schedules) = (Nodes::start().await, 0);
    for pair in pairs {
        match nodes.search(*pair).await {
            Ok(count) => {
                println!("{count:>5}  {pair:?}");
                schedules += count;
            }
            Err(violation) => panic!("{violation}"),
        }
    }
    println!("all {schedules} schedules of {} pairs", pairs.len());
}

async fn check_sample(pairs: &[[Operation; 2]]) {
    let seed = env::var("KLEIDIA_MODEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random = Rng::with_seed(seed.unwrap_or(1));
    let mut nodes = Nodes::start().await;
    let mut expected = Vec::new();
    for pair in pairs {
        expected.push(nodes.serial_outcomes(*pair).await);
    }
    let (started_at, mut rounds) = (Instant::now(), 0);
    while rounds < MIN_SAMPLE || started_at.elapsed() < SAMPLE_TIME {
        for (pair, expected) in pairs.iter().zip(&expected) {
            let mut scheduler = Sample::new(&mut random);
            if let Err(violation) = nodes.check(*pair, expected, &mut scheduler).await {
                panic!("{violation}");
            }
        }
        rounds += 1;
    }
    println!("{rounds} schedules of each of {} pairs", pairs.len());
}
