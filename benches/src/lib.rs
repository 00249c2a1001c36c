//! The cost of verification and of the layers: bundles to measure, and baselines.
//!
//! `README.md` lists the benchmarks.
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "benchmarks may panic"
)]

mod bundle;
mod caller;
mod chart;
mod checks;
mod comparison;
mod der;
mod load;
mod mock;
mod organisation;
mod program;
mod timing;
mod variants;
mod worst_case;

pub use bundle::Bundle;
pub use caller::{Caller, Echo, EchoResponse, call};
pub use chart::chart;
pub use checks::Checks;
pub use comparison::{Comparison, Target};
pub use load::Load;
pub use organisation::{Organisation, Signer};
pub use program::build_kliento;
pub use timing::{Medians, is_measured, median, medians, ratio, rounds, time};
pub use variants::Variants;
pub use worst_case::{WorstCaseBundle, bundle_with_inceptions};
