//! Hooks of a service: over HTTP, on the store in memory and on SQLite.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod claims;
mod denials;
mod failures;
mod service;
