//! The contract of Tower services, and the responses to rejected requests.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end by a panic"
)]

mod contract;
#[cfg(feature = "axum")]
mod extraction;
mod guard;
mod policy;
mod rejections;
