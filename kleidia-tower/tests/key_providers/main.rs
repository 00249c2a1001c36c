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
#[cfg(feature = "vault")]
mod kubernetes;
mod nodes;
#[cfg(feature = "vault")]
mod openbao;
mod texts;
mod token;
#[cfg(feature = "vault")]
mod vault;
#[cfg(feature = "vault")]
mod vault_server;
mod withdrawals;
