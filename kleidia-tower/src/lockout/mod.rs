//! Login lockout: limits how often passwords can be guessed.

mod attempt;
mod policy;
mod rules;
mod store;

pub use attempt::{Evidence, LoginAttempt, LoginSource};
pub use policy::LockoutPolicy;
pub(crate) use rules::{FailureCounters, PENDING_TIMEOUT};
pub use store::{AttemptRecord, FailureStore, Reservation};
