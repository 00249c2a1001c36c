//! Trust anchors from a file: formats and changes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod changes;
mod fixture;
mod formats;
mod garbage;
mod layer;
mod validity;
