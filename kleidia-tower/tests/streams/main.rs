//! Streams over sockets: under load on two nodes, and under faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod client;
mod clocks;
mod endings;
mod feed;
mod load;
mod node;
#[path = "../support/numbered.rs"]
mod numbered;
mod outages;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../postgres/proxy.rs"]
mod proxy;
mod readers;
mod shutdown;
mod sockets;
mod ticks;

use std::time::Duration;

use tokio::sync::RwLock;

/// Held for writing by the test that needs the processors for itself.
static PROCESSORS: RwLock<()> = RwLock::const_new(());

/// Far longer than any step takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
