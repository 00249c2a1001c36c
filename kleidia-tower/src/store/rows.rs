//! The rows of a store within a transaction. The operations are implemented once, against them.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Retention, StoreError};
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::audit::{AuditRecord, ChainHead};
use crate::lockout::LoginSource;
use crate::opaque_token::{TokenDigest, WrappedToken};
use crate::rbac::RoleName;
use crate::session::{Session, SessionLookup};
use crate::{FamilyId, SessionId, Timestamp, UserId, UserName, time};

/// The rows that one transaction sees, isolated from other transactions. The store commits or rolls
/// back the transaction after the operation.
#[async_trait]
pub(crate) trait Rows: Send {
    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError>;
    /// The operation has checked in this transaction that the user name does not exist.
    async fn insert_account(
        &mut self,
        new: NewAccount,
        at: Timestamp,
    ) -> Result<Account, StoreError>;
    async fn update_account(&mut self, account: &Account) -> Result<(), StoreError>;
    /// Returns whether another enabled account has one of these roles.
    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError>;
    async fn update_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
    ) -> Result<(), StoreError>;

    async fn session(&mut self, key: SessionLookup) -> Result<Option<Session>, StoreError>;
    /// The store assigns the id; the one in `session` is ignored.
    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError>;
    async fn update_session(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Returns the sessions of a user that were not ended, expired or not.
    async fn open_sessions(&mut self, user: UserId) -> Result<Vec<Session>, StoreError>;

    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError>;
    async fn is_family_revoked(&mut self, family: FamilyId) -> Result<bool, StoreError>;
    async fn revoke_family(&mut self, family: FamilyId) -> Result<(), StoreError>;
    async fn revoke_families_of(&mut self, user: UserId) -> Result<(), StoreError>;

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenRow>, StoreError>;
    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError>;
    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<(), StoreError>;

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
    async fn all_failures_of(
        &mut self,
        name: &UserName,
    ) -> Result<Vec<(FailureScope, FailureRow)>, StoreError>;

    async fn chain_head(&mut self) -> Result<ChainHead, StoreError>;
    /// Appends a record, which the operation has chained to the head, and updates the head.
    async fn append_record(&mut self, record: &AuditRecord) -> Result<(), StoreError>;
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
    /// The failures of all sources.
    Account,
}

/// The failure counters of a user name, for one source or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailureRow {
    /// Failures since the last success, reset after a time without failures. They make locks
    /// longer.
    pub(crate) failures: u32,
    /// Failures since the last success or unlock. They never expire.
    pub(crate) consecutive: u32,
    /// Attempts that are being evaluated.
    pub(crate) pending: u32,
    /// The time of the last reservation. Attempts that are never settled expire.
    pub(crate) pending_at: Timestamp,
    pub(crate) last_failure_at: Timestamp,
    pub(crate) locked_until: Timestamp,
    /// The time of the last successful login.
    pub(crate) succeeded_at: Option<Timestamp>,
}

impl FailureRow {
    /// Returns whether deleting the row changes no decision.
    ///
    /// The consecutive failures of an existing account never expire.
    pub(crate) fn is_purgeable(
        &self,
        scope: FailureScope,
        has_account: bool,
        now: Timestamp,
        retention: &Retention,
    ) -> bool {
        let is_kept = has_account && scope == FailureScope::Account && self.consecutive > 0;
        let is_familiar =
            self.succeeded_at.is_some_and(|at| now < time::add(at, retention.familiar_sources()));
        let last = self.last_failure_at.max(self.pending_at);
        let is_quiet = time::add(last, retention.failures()) <= now && self.locked_until <= now;
        !is_kept && !is_familiar && is_quiet
    }
}
