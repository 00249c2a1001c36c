//! Tests of the command as a process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod admission;
#[cfg(unix)]
mod agent;
mod authorize;
mod authorize_vectors;
mod chain;
mod chain_fetch;
mod cli_fixture;
mod inspect;
mod issuing;
mod member;
mod metrics;
mod middlebox;
#[allow(dead_code, unused_imports, reason = "other tests use the rest")]
#[path = "../../../veraid/tests/name_server/mod.rs"]
mod name_server;
mod output;
mod pkcs11;
mod reference;
mod run;
mod serve;
mod serve_options;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../../veraid/tests/pkcs11/soft_hsm.rs"]
mod soft_hsm;
mod verify;
