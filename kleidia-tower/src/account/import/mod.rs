//! Accounts of other systems, which are created in batches.

mod account;
#[cfg(feature = "imported-hashes")]
mod error;
#[cfg(feature = "imported-hashes")]
mod line;
#[cfg(feature = "imported-hashes")]
mod run;

pub use account::{ImportMode, ImportResult, ImportedAccount};
#[cfg(feature = "imported-hashes")]
pub use error::ImportError;
#[cfg(feature = "imported-hashes")]
pub use run::{AccountImport, ImportOptions, ImportOutcome};
