//! Sources of the keys of access tokens, and rotation.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod environment;
mod file;
mod texts;
mod token;
#[cfg(feature = "vault")]
mod vault;
#[cfg(feature = "vault")]
mod vault_server;
