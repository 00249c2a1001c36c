//! The client layer: outgoing requests with and without a bundle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

#[cfg(feature = "exchange")]
mod authority;
mod contract;
#[cfg(feature = "exchange")]
mod exchange;
mod file;
#[cfg(any(feature = "issue", feature = "exchange"))]
mod fixture;
#[cfg(feature = "exchange")]
mod jwt;
#[cfg(feature = "issue")]
mod local_signer;
mod origins;
mod refresh;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry;
mod scripted_source;
mod server;
mod singleflight;
