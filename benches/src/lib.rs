//! What verification and the layer cost: bundles to measure, and what they are measured beside.
//!
//! The benchmarks and what each tells are listed in `README.md`.
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement may end by a panic"
)]

mod bundle;
mod caller;
mod chart;
mod checks;
mod comparison;
mod dear;
mod der;
mod mock;
mod organisation;
mod stopwatch;
mod variants;

pub use bundle::Bundle;
pub use caller::{Answer, Caller, Echo};
pub use chart::chart;
pub use checks::Checks;
pub use comparison::{Comparison, Target};
pub use dear::{DearBundle, bundle_of_instants};
pub use organisation::{Organisation, Signer};
pub use stopwatch::{Medians, medians, ratio, rounds, time};
pub use variants::Variants;
