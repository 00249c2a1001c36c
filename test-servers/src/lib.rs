//! Starts the database servers that tests and benchmarks need, from Debian's packages.
//!
//! Each server listens on 127.0.0.1, keeps its data in a directory of its own, and ends with the
//! process that started it, however that ends.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(clippy::expect_used, clippy::panic, reason = "for tests, which may end by a panic")]

mod postgres;

pub use postgres::PostgresServer;
