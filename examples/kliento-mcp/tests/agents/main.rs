//! Agents of several organisations, over sockets: the built server, and MCP's own client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod agent;
mod endpoint;
mod organisations;
mod server;
mod tools;

/// The command that is tested.
const SERVER: &str = env!("CARGO_BIN_EXE_kliento-mcp");
const AUDIENCE: &str = "https://mcp.example.com/mcp";
