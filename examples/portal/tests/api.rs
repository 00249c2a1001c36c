//! The portal's HTTP API and command line, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod support;

use support::{portal, request, response, tokens};

mod api {
    mod access_token;
    mod accounts;
    mod agent;
    mod audit_archive;
    mod audit_command;
    mod audit_events;
    mod audit_files;
    mod audit_log;
    mod command_line;
    mod devices;
    mod doctor;
    pub(crate) mod event_stream;
    pub(crate) mod keys_command;
    mod live_events;
    mod lockout;
    mod login;
    mod mail;
    mod metrics;
    mod nodes;
    mod password;
    mod permissions;
    mod rate_limits;
    mod refresh;
    mod refresh_revocation;
    mod request_bodies;
    mod restore;
    mod service;
    mod sessions;
    mod settings_file;
    mod shared_limits;
    pub(crate) mod user_command;
    pub(crate) mod user_import;
    mod workloads;
}
