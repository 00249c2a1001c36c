//! Concurrent requests: single flight, limits, swapped anchors, cancellation.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod cancellation;
mod fixture;
#[path = "../mock/mod.rs"]
mod mock;
mod occupied;
mod queue;
mod sharing;
mod singleflight;
mod swap;
mod withdrawal;
