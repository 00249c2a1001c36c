//! The command, run as its users run it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod chain;
mod inspect;
mod reference;
mod run;
mod serve;
mod verify;
