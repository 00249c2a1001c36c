//! Lockout: how often a password may be guessed.

mod attempt;
mod policy;
mod store;

pub use attempt::{Attempt, Source};
pub use policy::LockoutPolicy;
pub use store::{FailureStore, Reservation};
