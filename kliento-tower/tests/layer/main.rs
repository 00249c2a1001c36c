//! The layer's requests and responses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod bundle;
mod caching;
mod contract;
mod rejections;
mod settings;
