//! Lockout: how often a password may be guessed.

mod attempt;
mod policy;
mod rules;
mod store;

pub use attempt::{Attempt, Source};
pub use policy::LockoutPolicy;
pub(crate) use rules::Counters;
pub use store::{FailureStore, Reservation};
