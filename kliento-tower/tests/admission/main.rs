//! Who is admitted: rules, deny lists and quotas, in code and in a file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "tests, with modules that other tests use more of"
)]

mod changes;
mod deny;
mod faults;
mod fixture;
#[path = "../mock/mod.rs"]
mod mock;
mod quotas;
mod rules;
mod sockets;
mod streams;
