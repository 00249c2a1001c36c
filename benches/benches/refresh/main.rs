//! Refreshes per second on PostgreSQL, compared with `pgbench` that runs the same statements with
//! as many clients.
//!
//! Starts its own PostgreSQL with the default settings, so each commit waits for the disk. 32
//! clients refresh sessions of 32 users. Both are measured alternately for two seconds each. The
//! library also seals the audit log meanwhile, which pgbench does not.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod people;
mod pgbench;
mod statements;

use std::time::Duration;

use benches::Target::AtLeast;
use benches::{Comparison, rounds};
use test_servers::PostgresServer;
use tokio::runtime::Runtime;

use crate::people::People;
use crate::pgbench::Pgbench;

/// The clients of both.
const CLIENTS: u32 = 32;
/// The time for which one is measured before the other.
const SLICE: Duration = Duration::from_secs(2);

fn main() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]);
    let runtime = Runtime::new().expect("a runtime");
    statements::check_same(&runtime, &server);
    let mut people = runtime.block_on(People::new(&server.create_database()));
    let mut pgbench = Pgbench::new(&server);
    let (mut refreshes, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..rounds(10) {
        refreshes.push(runtime.block_on(people.refresh(SLICE)));
        baseline.push(pgbench.run(SLICE));
    }
    println!("{}", Comparison::head());
    let comparison = Comparison::from_rates(
        ("Accounts::refresh, 32 clients", median(refreshes)),
        ("pgbench with the same statements", median(baseline)),
        Some(AtLeast(0.8)),
    );
    println!("{comparison}");
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
