//! Issued bundles, verified by this implementation and read by other software.
#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod openssl;
mod oracle;
mod organisation;
mod pem;
mod round_trip;
