//! The statements on failure counters and familiar devices.

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::lockout::LoginSource;
use crate::store::StoreError;
use crate::{SessionId, Timestamp, TokenDigest, UserName};

/// The failure counters and familiar devices of user names, whether or not there is such an
/// account.
///
/// Key them by [`name_digest`] rather than the name, since people type passwords into that field.
#[async_trait]
pub trait FailureRows: Send {
    /// Locks all failures of a user name, also of one without rows, and returns those of
    /// [`FailureScope::Account`]. A store that can only lock rows inserts the default one first.
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError>;

    /// Returns the row of a scope.
    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError>;

    /// Inserts or replaces the row of a scope.
    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError>;

    /// Forgets all failures of a user name; familiar clients stay familiar.
    ///
    /// Deletes the rows without `succeeded_at`, and sets all fields but `succeeded_at` and
    /// `expires_at` of the others to their defaults.
    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError>;

    /// Moves all rows of a user name to another one, in place of those that it has. Both are locked.
    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError>;

    /// Deletes all rows of a user name: failures, sources and devices.
    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError>;

    /// Deletes the rows with [`FailureScope::Device`] of a user name, except the `max` with the
    /// latest `succeeded_at`.
    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError>;
}

/// Which failures of a user name a row counts.
///
/// `Display` writes the text for a column, which is different for each scope. It is empty for
/// [`Self::Account`], and starts with `device:` for [`Self::Device`] only.
///
/// ```
/// use kleidia_tower::SessionId;
/// use kleidia_tower::lockout::LoginSource;
/// use kleidia_tower::store::rows::FailureScope;
///
/// let source = LoginSource::new("192.0.2.1".parse().ok());
/// assert_eq!(FailureScope::Source(source).to_string(), "192.0.2.1");
/// assert_eq!(FailureScope::Session(SessionId::new(7)).to_string(), "session:7");
/// assert_eq!(FailureScope::Account.to_string(), "");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureScope {
    /// The failures of a source, without a device token or session.
    Source(LoginSource),
    /// The failures with a device token, which a login has stored.
    Device(TokenDigest),
    /// The failures in a session.
    Session(SessionId),
    /// The failures of second factors, in all sessions.
    SecondFactor,
    /// The failures of all clients.
    Account,
}

/// The failure counters of a user name, for one client or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureRow {
    /// Failures since the last success, reset after a time without failures. They make locks
    /// longer.
    pub failures: u32,
    /// Attempts that are being evaluated.
    pub pending: u32,
    /// The time of the last reservation. Attempts that are never settled expire.
    pub pending_at: Timestamp,
    /// The time of the last failure.
    pub last_failure_at: Timestamp,
    /// The time at which the lock ends.
    pub locked_until: Timestamp,
    /// The time at which all consecutive failures are forgotten. Each failure postpones it by the
    /// decay of the policy.
    pub forgotten_at: Timestamp,
    /// The time of the last successful login.
    pub succeeded_at: Option<Timestamp>,
    /// The time from which on the row changes no decision, so a purge may delete it.
    pub expires_at: Timestamp,
}

/// Returns the SHA-256 digest of a user name, the key of its failures.
#[must_use]
pub fn name_digest(name: &UserName) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, name.as_str().as_bytes()).as_ref());
    octets
}

// No address starts as sessions and devices do.
impl fmt::Display for FailureScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => Ok(()),
            Self::Source(source) => source.fmt(f),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::SecondFactor => f.write_str("second-factor"),
            Self::Device(digest) => write!(f, "device:{}", BASE64_URL_SAFE_NO_PAD.encode(digest.0)),
        }
    }
}
