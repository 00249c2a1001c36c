//! Shared limits in real Redis servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod acl;
mod cluster;
mod decisions;
mod fixture;
mod outage;
mod script;
mod server;
mod tls;
