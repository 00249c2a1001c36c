//! The events and metrics of requests, and that they disclose no secrets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

#[path = "../layer/bundle.rs"]
mod bundle;
#[path = "../../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
mod events;
mod log;
mod log_injection;
mod metrics;
#[path = "../mock/mod.rs"]
mod mock;
mod secrecy;
