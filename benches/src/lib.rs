//! What verification costs: the bundles that are measured, and their bare signature checks.
//!
//! `cargo bench --package benches --bench ratio` prints how much dearer the verification of a
//! bundle is than the sum of its signature checks, measured alternately in one run;
//! `--bench verification` prints absolute figures.
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement may end by a panic"
)]

mod bundle;
mod checks;
mod dear;
mod der;
mod mock;
mod stopwatch;

pub use bundle::Bundle;
pub use checks::Checks;
pub use dear::{DearBundle, bundle_of_instants};
pub use stopwatch::{Medians, rounds};
