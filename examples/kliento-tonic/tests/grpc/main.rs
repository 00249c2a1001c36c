//! The service over real connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod callers;
mod client;
mod client_command;
mod expiry;
mod mock;
mod reference;
mod rejections;
mod server;
mod sizes;
