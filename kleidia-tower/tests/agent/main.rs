//! Keys of agents: beside OpenSSL, in hostile hands, and over sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may end by a panic"
)]

mod hostility;
mod keys;
mod openssl;
mod openssl_keys;
mod service;

use std::sync::LazyLock;

use kleidia_tower::agent::AgentKey;

/// One for all tests, since it takes a second or more to make.
static AGENT: LazyLock<AgentKey> = LazyLock::new(|| AgentKey::generate_blocking().unwrap());
