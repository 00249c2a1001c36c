//! Many requests at once: one verification per bundle, bounded waiting, swaps, cancellation.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod cancellation;
mod flight;
#[path = "../mock/mod.rs"]
mod mock;
mod queue;
mod stage;
mod swap;
