//! The axum server, over real sockets: it has to do what the one on bare hyper does, and more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod axum_serve;
mod layer_order;
#[path = "../../src/layers.rs"]
mod layers;
#[path = "../../../kliento-hyper/tests/suite/mod.rs"]
mod suite;

/// The command that is tested.
const SERVER: &str = env!("CARGO_BIN_EXE_kliento-axum");
