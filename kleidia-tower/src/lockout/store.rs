//! What the lockout asks of a store.

use async_trait::async_trait;

use super::{Attempt, LockoutPolicy};
use crate::Timestamp;
use crate::UserName;
use crate::store::{Change, Committed, StoreError};

/// Counts failures. An attempt is reserved before the password is evaluated, and settled by
/// [`fail`](Self::fail), [`release`](Self::release) or
/// [`SessionStore::open`](crate::session::SessionStore::open), or by [`refuse`](Self::refuse), so
/// that no concurrency gets extra tries.
#[async_trait]
pub trait FailureStore: Send + Sync + 'static {
    /// Asks to evaluate a password.
    async fn reserve(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError>;

    /// Settles an attempt whose password was wrong. Records `login.failure`, and `login.locked`
    /// where this is the one that locks.
    async fn fail(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        change: &Change,
    ) -> Result<Committed<()>, StoreError>;

    /// Settles an attempt that was [`Reservation::Refused`]: it counts for its source alone.
    /// Records `login.locked`, and another one where the source is locked from here on.
    async fn refuse(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        change: &Change,
    ) -> Result<Committed<()>, StoreError>;

    /// Settles an attempt that was not evaluated to the end.
    async fn release(&self, attempt: &Attempt) -> Result<(), StoreError>;

    /// Lifts all locks of a name. Records `login.unlocked`.
    async fn unlock(&self, name: &UserName, change: &Change) -> Result<Committed<()>, StoreError>;
}

/// Whether a password may be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It may, and has to be settled.
    Granted,
    /// It must not before that time: the name is locked for that source. There is nothing to
    /// settle.
    Locked {
        /// The first second at which it may be.
        until: Timestamp,
    },
    /// It must not before that time: the account as a whole takes nobody from that source. This
    /// has to be settled as if it had been evaluated, by [`FailureStore::refuse`], so that nobody
    /// sees for which names failures are remembered.
    Refused {
        /// The first second at which it may be.
        until: Timestamp,
    },
    /// Others that are being evaluated could lock: try again in a moment.
    Busy,
}
