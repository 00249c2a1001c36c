//! Agents: keys, interoperability with OpenSSL, malformed input, and the service over sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod keys;
mod malformed_input;
mod openssl;
mod openssl_keys;
mod service;

use std::sync::LazyLock;

use kleidia_tower::agent::AgentKey;

/// Shared by all tests, since generating a key takes about a second.
static AGENT: LazyLock<AgentKey> = LazyLock::new(|| AgentKey::generate_blocking().unwrap());
