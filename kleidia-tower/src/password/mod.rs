//! Passwords: hashed with Argon2id on dedicated threads, and checked against a policy.

mod breached;
mod candidate;
mod evaluation;
mod hasher;
#[cfg(feature = "imported-hashes")]
mod imported;
mod normalisation;
mod options;
mod parameters;
mod permit;
mod policy;
mod stored;
mod uniform;

pub use breached::{BreachedPasswordError, BreachedPasswordFile, BreachedPasswords};
pub use hasher::{HashingError, PasswordHasher};
#[cfg(feature = "imported-hashes")]
pub use imported::{ImportedHash, ImportedHashError, ParameterSets};
pub use options::PasswordHasherOptions;
pub use parameters::Argon2Parameters;
pub use permit::{HashingPermit, PasswordCheck};
pub(crate) use policy::join_violations;
pub use policy::{CharacterClass, PasswordPolicy, PasswordViolation};
