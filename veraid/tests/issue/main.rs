//! What we issue verifies, and other software reads it as we mean it.
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
mod round_trip;
