//! The page in headless Chromium, served by a real portal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod accessibility;
mod admin;
mod browser;
mod cookie_service;
mod cookies;
mod cross_origin;
mod driver;
mod errors;
mod expired_password;
mod live_events;
mod portal;
mod sign_in;
mod storage;
mod streams;
mod tabs;
mod user;

use std::future::Future;
use std::time::Duration;

/// The maximum duration of a step.
const DEADLINE: Duration = Duration::from_mins(1);

/// Repeats `poll` until it returns a value; panics after [`DEADLINE`].
async fn wait_for<T, F: Future<Output = Option<T>>>(what: &str, poll: impl Fn() -> F) -> T {
    let polling = async {
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let value = tokio::time::timeout(DEADLINE, polling).await;
    value.unwrap_or_else(|_| panic!("timed out: {what}"))
}
