//! Passwords: hashed with Argon2id on dedicated threads, and checked against a policy.

mod breached;
mod evaluation;
mod hasher;
mod normalisation;
mod options;
mod parameters;
mod permit;
mod policy;

pub use breached::{BreachedPasswordError, BreachedPasswordFile, BreachedPasswords};
pub use hasher::{HashingError, PasswordHasher};
pub use options::PasswordHasherOptions;
pub use parameters::Argon2Parameters;
pub use permit::{HashingPermit, PasswordCheck};
pub(crate) use policy::join_violations;
pub use policy::{CharacterClass, PasswordPolicy, PasswordViolation};
