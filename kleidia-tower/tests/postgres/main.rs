//! `PostgresStore`: several nodes on one database, its schema and triggers, and faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod audit_queries;
mod cached_sessions;
mod cancellation;
mod detached_log;
#[path = "../support/detaching.rs"]
mod detaching;
mod dropped_callers;
#[path = "../support/dropped_ends.rs"]
mod dropped_ends;
mod earlier_nodes;
mod faults;
mod feed;
mod locks;
mod migrations;
mod missing_standby;
#[path = "../support/numbered.rs"]
mod numbered;
mod proxy;
#[path = "../support/repaired_log.rs"]
mod repaired_log;
#[path = "../support/replaced_key.rs"]
mod replaced_key;
#[path = "../support/rewritten_log.rs"]
mod rewritten_log;
mod round_trips;
mod schema;
mod silence;
mod streams;
#[path = "../support/tampered_detachment.rs"]
mod tampered_detachment;
mod tampered_log;
#[path = "../support/tampering.rs"]
mod tampering;
mod unknown_names;
mod withdrawals;

use kleidia_tower::store::PostgresStore;
use test_servers::PostgresServer;

/// Opens stores on a new database, as of several nodes.
async fn nodes<const N: usize>() -> [PostgresStore; N] {
    let url = PostgresServer::shared().create_database();
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(PostgresStore::open(&url, numbered::audit_key()).await.unwrap());
    }
    nodes.try_into().unwrap()
}
