//! The axum server, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod axum_serve;
mod case;
mod client;
mod layer_order;
mod process;
mod routes;
mod streams;

/// The command that is tested.
const SERVER: &str = env!("CARGO_BIN_EXE_kliento-axum");
