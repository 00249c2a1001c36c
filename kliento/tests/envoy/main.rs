//! `kliento serve --ext-authz`, alone and behind Envoy, which installs `cargo xtask test`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may end by a panic"
)]

mod authorizer;
mod backend;
mod calls;
mod check;
mod documentation;
mod failures;
mod issuer;
mod proxied;
mod quotas;
mod requests;
mod routes;
mod spoofing;
mod upgrade;
