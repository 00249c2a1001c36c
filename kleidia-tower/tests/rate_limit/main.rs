//! Limits: what passes, what is remembered in bounded memory, and whose address counts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end by a panic"
)]

mod bounds;
mod concurrency;
mod fields;
mod layer;
mod model;
mod principals;
mod proxies;
mod servers;
mod world;
