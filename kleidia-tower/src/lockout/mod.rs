//! Login lockout: limits how often passwords can be guessed.

mod attempt;
mod policy;
mod rules;
mod store;

pub use attempt::{LoginAttempt, LoginSource};
pub use policy::LockoutPolicy;
pub(crate) use rules::FailureCounters;
pub use store::{FailureStore, Reservation};
