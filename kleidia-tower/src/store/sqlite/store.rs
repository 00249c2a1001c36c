//! The store's traits that change something, each in one transaction.

use std::sync::Arc;

use async_trait::async_trait;

use super::SqliteStore;
use crate::account::{
    Account, AccountLookup, AccountStore, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use crate::audit::{AuditEvent, AuditQuery, AuditRecord, AuditStore, ChainCheck, ChainHead};
use crate::lockout::{FailureStore, LockoutPolicy, LoginAttempt, Reservation};
use crate::session::{
    EndReason, NewSession, OpenOutcome, Rotation, RotationOutcome, Session, SessionLookup,
    SessionSelector, SessionStore, SessionView,
};
use crate::store::{
    ChangeContext, Committed, PurgeStore, Retention, StoreError, operations, operations::failures,
};
use crate::{SessionId, Timestamp, UserId, UserName};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        let found = self.read_account(AccountLookup::Id(id)).await?;
        Ok(found.map(|(account, _)| account))
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.read_account(key).await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.read_accounts(after, limit).await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.write(async |rows| operations::create_account(rows, new, change).await).await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.write(async |rows| operations::update_account(rows, id, update, change).await).await
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.write(async |rows| operations::change_password(rows, new, change).await).await
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        self.read_session(key).await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.read_sessions_of(user, now).await
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        self.write(async |rows| operations::open(rows, new, change).await).await
    }

    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError> {
        self.write(async |rows| operations::rotate(rows, rotation, change).await).await
    }

    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.write(async |rows| operations::end(rows, which, reason, change).await).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.write(async |rows| operations::touch(rows, session, now).await).await
    }

    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.write(async |rows| {
            operations::register_agent(rows, session, user, public_key_pem, change).await
        })
        .await
    }
}

#[async_trait]
impl FailureStore for SqliteStore {
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.write(async |rows| failures::reserve(rows, attempt, policy, now).await).await
    }

    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::record_failure(rows, attempt, policy, change).await).await
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::record_throttled(rows, attempt, policy, change).await)
            .await
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.write(async |rows| failures::release(rows, attempt).await).await
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::unlock(rows, name, change).await).await
    }
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        self.write(async |rows| operations::append(rows, events).await).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.read_records(query).await
    }

    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError> {
        self.read_chain(since).await
    }
}

#[async_trait]
impl PurgeStore for SqliteStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.write(async |rows| rows.purge(now, retention, limit).await).await
    }
}
