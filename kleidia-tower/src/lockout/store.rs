//! The store trait for the lockout.

use async_trait::async_trait;

use super::{LockoutPolicy, LoginAttempt};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{Timestamp, TokenDigest, UserName};

/// Counts failed logins: those of each source, device and session, and those of the whole account.
///
/// Each attempt is reserved before the password is evaluated, so concurrent requests get no extra
/// attempts. It is then settled exactly once: a granted one by
/// [`record_failure`](Self::record_failure), [`release_attempt`](Self::release_attempt) or
/// [`SessionStore::open_session`](crate::session::SessionStore::open_session), a throttled one by
/// [`record_throttled`](Self::record_throttled).
#[async_trait]
pub trait FailureStore: Send + Sync + 'static {
    /// Reserves an attempt to evaluate a password.
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError>;

    /// Settles an attempt with a wrong password. Records `login.failure`, and `login.locked` if a
    /// lock starts with it. Records nothing if no account has the name and it is
    /// [`AttemptRecord::Omitted`].
    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError>;

    /// Settles an attempt that was [`Reservation::Throttled`]. It counts as a failure of its source
    /// only. Records `login.locked` unless it is [`AttemptRecord::Omitted`], and a second one if a
    /// lock of the source starts with it; if it is omitted, the second one only for an account.
    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError>;

    /// Settles an attempt whose evaluation was not completed. It does not count.
    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError>;

    /// Removes all locks of a user name. Familiar devices and addresses stay familiar. Records
    /// `login.unlocked`.
    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError>;

    /// Makes a device of a user name familiar, as a login with its token does.
    async fn add_device(
        &self,
        name: &UserName,
        device: TokenDigest,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// Whether the audit log records a failed attempt whose name has no account, or that was throttled.
///
/// Anyone can make such attempts, so there are too many to record each
/// ([`RejectionLimits`](crate::audit::RejectionLimits)). Always recorded are the wrong passwords of
/// accounts, and the starts of their locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptRecord {
    /// The attempt is recorded.
    Recorded,
    /// The attempt counts for the lockout, but has no record: the caller counts it.
    Omitted,
}

/// The result of reserving an attempt: whether the password may be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The password may be evaluated. The attempt must be settled.
    Granted,
    /// The user name is locked for this source, device or session. There is nothing to settle.
    Locked {
        /// The time at which the lock ends.
        until: Timestamp,
    },
    /// The account as a whole is throttled for this unfamiliar client. The attempt must be settled
    /// by [`FailureStore::record_throttled`], as if it had been evaluated, so that the responses do
    /// not depend on the attempts of others.
    Throttled {
        /// The time at which the client may try again.
        until: Timestamp,
    },
    /// Attempts that are pending could reach the limit. The client may retry soon.
    Busy,
}
