//! The store in a file of SQLite's: the file, its tables, and all that can happen to them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod cancellation;
mod corruption;
mod file;
mod full_disk;
mod kill;
mod nodes;
mod people;
mod schema;
mod triggers;
