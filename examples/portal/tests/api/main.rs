//! The portal's HTTP API and command line, asked as its users ask: over sockets, of the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod answer;
mod call;
mod portal;
mod tokens;

mod access_token;
mod accounts;
mod agent;
mod audit_events;
mod audit_log;
mod bodies;
mod command_line;
mod limits;
mod lockout;
mod login;
mod password;
mod permissions;
mod refresh;
mod refresh_end;
mod service;
mod sessions;
mod settings_file;
mod workloads;
