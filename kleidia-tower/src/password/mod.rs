//! Passwords: hashed with Argon2id on threads of their own, and bound to a policy.

mod breached;
mod evaluation;
mod hasher;
mod normalisation;
mod parameters;
mod policy;

pub use breached::{BreachedPasswordError, BreachedPasswordFile, BreachedPasswords};
pub use hasher::{HashingError, HashingPermit, PasswordHasher, Verdict};
pub use parameters::{Argon2Parameters, ParameterError};
pub use policy::{CharacterClass, PasswordFault, PasswordPolicy};
