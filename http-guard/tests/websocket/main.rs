//! WebSockets that end with their caller, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod client;
mod endings;
mod handshake;
mod service;
mod slow_clients;
mod tasks;
