//! `SqliteStore`: its file, schema and triggers, concurrent nodes, and faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod busy_writer;
mod cancellation;
mod corruption;
mod detached_log;
#[path = "../support/detaching.rs"]
mod detaching;
#[path = "../support/dropped_ends.rs"]
mod dropped_ends;
mod file;
mod fixture;
mod full_disk;
mod nodes;
#[path = "../support/numbered.rs"]
mod numbered;
#[path = "../support/repaired_log.rs"]
mod repaired_log;
#[path = "../support/replaced_key.rs"]
mod replaced_key;
#[path = "../support/rewritten_log.rs"]
mod rewritten_log;
mod schema;
#[path = "../support/tampered_detachment.rs"]
mod tampered_detachment;
#[path = "../support/tampering.rs"]
mod tampering;
mod triggers;
