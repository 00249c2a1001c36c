//! The page in a real browser, Chromium without a window, on the real portal.

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
mod driver;
mod errors;
mod expired_password;
mod portal;
mod sign_in;
mod tabs;
mod user;

use std::future::Future;
use std::time::Duration;

/// How long a step may take before the test fails.
const DEADLINE: Duration = Duration::from_mins(1);

/// Repeats `ask` until it returns a value.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(DEADLINE, asked).await;
    answer.unwrap_or_else(|_| panic!("timed out: {what}"))
}
