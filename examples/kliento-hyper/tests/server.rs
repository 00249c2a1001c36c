//! The server on bare hyper, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod suite;

/// The command that is tested.
const SERVER: &str = env!("CARGO_BIN_EXE_kliento-hyper");
