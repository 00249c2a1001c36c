//! `JwtSessionLayer`: requests, responses and extractors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod cache;
mod contract;
mod cookies;
mod extractors;
mod last_seen;
#[path = "../support/numbered.rs"]
mod numbered;
mod rejections;
mod schemes;
mod servers;
mod session_cookies;
mod stream_ends;
mod streams;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/workloads.rs"]
mod workloads;
