//! `JwtSessionLayer` as its users see it: requests in, responses out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod cache;
mod contract;
mod extractors;
mod refusals;
mod schemes;
mod servers;
#[path = "../stage/mod.rs"]
mod stage;
#[path = "../stage/workloads.rs"]
mod workloads;
