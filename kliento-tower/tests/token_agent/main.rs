//! What `kliento agent` consists of: chains that are kept fresh, verified tokens, and their client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod agent_source;
mod chain;
mod clock;
mod day;
mod fixture;
mod named;
mod tokens;
