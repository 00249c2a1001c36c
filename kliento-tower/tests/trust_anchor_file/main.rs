//! Trust anchors from a file: what it may hold, and what happens when it changes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod changes;
mod fixture;
mod formats;
mod garbage;
mod layer;
mod validity;
