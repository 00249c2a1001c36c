//! Login floods against the portal: memory use, and the effect on other clients.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end by a panic"
)]
#![allow(clippy::print_stdout, reason = "the tests report figures")]

mod disconnects;
mod floods;
mod guesses;
mod idle_connections;
mod portal;
