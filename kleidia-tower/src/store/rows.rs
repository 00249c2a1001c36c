//! The rows of a store within a transaction. The operations are implemented once, against them.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::StoreError;
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::audit::{AuditRecord, ChainHead};
use crate::lockout::LoginSource;
use crate::opaque_token::{TokenDigest, WrappedToken};
use crate::rbac::RoleName;
use crate::session::{Session, SessionEnd, SessionLookup};
use crate::{FamilyId, SessionId, Timestamp, UserId, UserName};

/// The rows that one transaction sees. The store commits or rolls back the transaction after the
/// operation.
///
/// Transactions may see what others commit meanwhile (READ COMMITTED). So each operation first
/// locks what its decisions depend on, in one order: the administration, the account, the failures
/// of a user name, and last the audit log. A lock is held until the end of the transaction. A store
/// that runs one transaction at a time has nothing to lock.
pub(crate) trait Rows:
    AccountRows + SessionRows + RefreshTokenRows + FailureRows + AuditRows
{
}

impl<T> Rows for T where T: AccountRows + SessionRows + RefreshTokenRows + FailureRows + AuditRows {}

/// The accounts.
#[async_trait]
pub(crate) trait AccountRows: Send {
    /// Locks the rules that span accounts: who may assign which roles, and that one administrator
    /// stays enabled.
    async fn lock_administration(&mut self) -> Result<(), StoreError>;
    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError>;
    /// Locks an account with its sessions, families and refresh tokens, and returns it as it is
    /// under the lock.
    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError>;
    /// Returns `None` if the user name exists.
    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError>;
    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError>;
    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError>;
    /// Returns whether another enabled account has one of these roles.
    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError>;
    /// Replaces the hashes, and the time of the last change if the password itself is changed.
    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}

/// The sessions.
#[async_trait]
pub(crate) trait SessionRows: Send {
    async fn session(&mut self, key: SessionLookup) -> Result<Option<Session>, StoreError>;
    /// The store assigns the id; the one in `session` is ignored.
    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError>;
    /// Sets when a session expires and was last seen, unless that was later or the session has
    /// ended. Returns whether it has not ended.
    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Ends a session and removes its agent, unless it has ended. Returns whether it had not ended.
    async fn end_session(&mut self, id: SessionId, end: SessionEnd) -> Result<bool, StoreError>;
    /// Binds an agent to a session, unless that has ended. Returns whether it has not ended.
    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError>;
    /// Sets when sessions were last seen, unless that was later. No account is locked, so a store
    /// may skip sessions that another transaction has locked.
    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError>;
    /// Returns the active sessions of a user, oldest first.
    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;
    /// Returns the active sessions of a family, oldest first.
    async fn active_sessions_of_family(
        &mut self,
        family: FamilyId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;
    /// Ends all active sessions of a user except one.
    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError>;
}

/// The families and their refresh tokens.
#[async_trait]
pub(crate) trait RefreshTokenRows: Send {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError>;
    async fn is_family_revoked(&mut self, family: FamilyId) -> Result<bool, StoreError>;
    async fn revoke_family(&mut self, family: FamilyId) -> Result<(), StoreError>;
    async fn revoke_families_of(&mut self, user: UserId) -> Result<(), StoreError>;
    /// Returns the families of a user that are not revoked, beyond the `max` whose tokens expire
    /// last: at most `limit`, those that expire first.
    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError>;
    /// Returns the user of a refresh token. It never changes.
    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError>;
    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenRow>, StoreError>;
    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError>;
    /// Consumes a refresh token, unless it was. Returns whether it was not consumed.
    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError>;
}

/// The failure counters and familiar devices of user names.
#[async_trait]
pub(crate) trait FailureRows: Send {
    /// Locks all failures of a user name, also of one without an account, and returns those of the
    /// account.
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError>;
    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError>;
    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError>;
    /// Forgets all failures of a user name; familiar clients stay familiar.
    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError>;
    /// Deletes the devices of a user name beyond the `max` with the latest logins.
    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError>;
}

/// The audit log.
#[async_trait]
pub(crate) trait AuditRows: Send {
    /// Locks the audit log, and returns the head of its chain.
    async fn lock_chain(&mut self) -> Result<ChainHead, StoreError>;
    /// Appends records, at least one, which the operation has chained to the head, and updates the
    /// head.
    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError>;
}

/// A refresh token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshTokenRow {
    pub(crate) digest: TokenDigest,
    pub(crate) family: FamilyId,
    pub(crate) session: SessionId,
    pub(crate) expires_at: Timestamp,
    pub(crate) consumed: Option<Consumed>,
}

/// The consumption of a refresh token, with its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) at: Timestamp,
    pub(crate) successor: TokenDigest,
    pub(crate) wrapped: WrappedToken,
}

/// Which failures of a user name a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FailureScope {
    Source(LoginSource),
    /// The failures with a device token, which a login has stored.
    Device(TokenDigest),
    /// The failures in a session.
    Session(SessionId),
    /// The failures of all clients.
    Account,
}

/// The failure counters of a user name, for one client or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailureRow {
    /// Failures since the last success, reset after a time without failures. They make locks
    /// longer.
    pub(crate) failures: u32,
    /// Attempts that are being evaluated.
    pub(crate) pending: u32,
    /// The time of the last reservation. Attempts that are never settled expire.
    pub(crate) pending_at: Timestamp,
    pub(crate) last_failure_at: Timestamp,
    pub(crate) locked_until: Timestamp,
    /// The time at which all consecutive failures are forgotten. Each failure postpones it by the
    /// decay of the policy.
    pub(crate) forgotten_at: Timestamp,
    /// The time of the last successful login.
    pub(crate) succeeded_at: Option<Timestamp>,
    /// The time from which on the row changes no decision.
    pub(crate) expires_at: Timestamp,
}
