//! The server over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod bodies;
mod early_response;
mod heads;
mod idle;
mod limits;
mod listener;
mod peer;
mod shutdown;
mod support;
mod upgrade;
