//! Two portals on one PostgreSQL and one Redis, under clients whose history is checked.
//!
//! `SEED` chooses what the clients do and which faults they meet. `SOAK_SECONDS` is for how long
//! faults happen, in turns with each of them. `CACHE_SESSIONS_MS` lets both portals cache sessions,
//! with this bound, instead of the first with one second.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]
#![allow(clippy::print_stdout, reason = "the run reports figures")]

#[allow(dead_code, reason = "other tests use more of it")]
mod support;

use support::{portal, request, response, tokens};

mod soak {
    mod admin;
    mod audit_log;
    mod checker;
    mod client;
    mod cluster;
    mod disconnects;
    mod faults;
    mod feed;
    mod history;
    mod proxy;
    mod recovery;
    pub(crate) mod run;
    mod user;
    mod watcher;
}

use std::env;
use std::time::Duration;

const DEFAULT_SEED: u64 = 1;
const DEFAULT_SECONDS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn history_of_two_portals_is_explained_by_an_order_of_its_requests() {
    let number = |name: &str| env::var(name).ok().map(|number| number.parse().unwrap());
    let seed = number("SEED").unwrap_or(DEFAULT_SEED);
    let seconds = number("SOAK_SECONDS").unwrap_or(DEFAULT_SECONDS);
    let cache_sessions = number("CACHE_SESSIONS_MS").map(Duration::from_millis);
    soak::run::run(seed, Duration::from_secs(seconds), cache_sessions).await;
}
