//! `MemoryStore`, which records the accounts that each operation touches.

use std::sync::Arc;

use async_trait::async_trait;

use super::recording_rows::{Owners, RecordingRows};
use super::{AccountScope, Scopes};
use crate::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use crate::audit::{AuditQuery, AuditRecord, LogHash, LogKey};
use crate::session::{Session, SessionEvents, SessionLookup, SessionView};
use crate::store::rows::{
    LeafRow, LogReads, LogState, Operation, OrphanRecords, RefreshTokenState, Sealing,
    Transactional, UnsealedRecord,
};
use crate::store::{MemoryStore, PurgeStore, Retention, StoreError};
use crate::{Timestamp, TokenDigest, UserId};

pub(super) struct RecordingStore {
    memory: MemoryStore,
    owners: Owners,
    scopes: Scopes,
}

impl RecordingStore {
    pub(super) fn new(scopes: &Scopes) -> Self {
        let (memory, owners) = (MemoryStore::default(), Owners::default());
        Self { memory, owners, scopes: Arc::clone(scopes) }
    }

    fn record(&self, operation: &'static str, scope: AccountScope) {
        let mut scopes = self.scopes.lock().unwrap();
        let known = scopes.entry(operation).or_insert(scope);
        *known = scope.max(*known);
    }
}

#[async_trait]
impl Transactional for RecordingStore {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.memory.read_account(key).await
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.memory.read_accounts(after, limit).await
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        self.memory.read_password_parameters().await
    }

    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        self.memory.read_profiles(users).await
    }

    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.memory.read_users_by_email(address, limit).await
    }

    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.memory.read_code(digest, purpose).await
    }

    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.memory.read_factors(user).await
    }

    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        self.memory.read_factor_by_credential(credential).await
    }

    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        self.memory.read_session(key).await
    }

    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.memory.read_sessions(user, now).await
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        self.memory.read_refresh_token(digest).await
    }

    async fn read_records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.memory.read_records(query).await
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        self.memory.log_key()
    }

    fn sealing(&self) -> &Sealing {
        self.memory.sealing()
    }

    fn events(&self) -> SessionEvents {
        self.memory.events()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let (name, operation) = (operation.name(), Arc::new(operation));
        let recorded = Operation::new(name, move |rows| {
            let operation = Arc::clone(&operation);
            Box::pin(async move {
                let mut rows = RecordingRows::new(rows.0, &self.owners);
                let done = operation.run(&mut rows).await;
                self.record(name, rows.scope());
                done
            })
        });
        self.memory.write(recorded).await
    }
}

#[async_trait]
impl LogReads for RecordingStore {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        self.memory.read_log_state().await
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        self.memory.read_first_leaf().await
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.memory.read_leaves(from, until).await
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        self.memory.find_leaf(record).await
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        self.memory.read_hashes(from, until).await
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        self.memory.read_hashes_at(positions).await
    }

    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        self.memory.read_unsealed(after).await
    }

    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        self.memory.read_orphan_records(after, first_leaf).await
    }
}

#[async_trait]
impl PurgeStore for RecordingStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.memory.purge(now, retention, limit).await
    }
}
