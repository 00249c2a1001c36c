//! The layer's requests and responses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod allow_list;
mod bundle;
mod caching;
mod clock_skew;
mod contract;
#[path = "../mock/mod.rs"]
mod mock;
mod rejections;
mod settings;
mod streams;
