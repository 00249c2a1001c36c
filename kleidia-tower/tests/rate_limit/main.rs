//! Rate limits: allowed requests, bounded memory, and client addresses.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod bounds;
#[path = "../../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
mod concurrency;
mod fixture;
mod headers;
mod layer;
mod model;
mod principals;
mod servers;
mod shared;
mod shared_outage;
mod unknown_address;
