//! The operations that [`SessionCachingStore`] delegates to the inner store.

use std::sync::Arc;

use async_trait::async_trait;

use super::SessionCachingStore;
use super::cache::Invalidation;
use crate::audit::{
    AuditEvent, AuditKey, AuditQuery, AuditRecord, AuditStore, Checkpoint, Detachment, ExportError,
    InclusionProof, LogVerification,
};
use crate::lockout::{AttemptRecord, FailureStore, LockoutPolicy, LoginAttempt, Reservation};
use crate::store::{ChangeContext, Committed, PurgeStore, Retention, Store, StoreError};
use crate::{HealthError, Timestamp, TokenDigest, UserName};

#[async_trait]
impl FailureStore for SessionCachingStore {
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.store.reserve_attempt(attempt, policy, now).await
    }

    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.store.record_failure(attempt, policy, change, record).await
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.store.record_throttled(attempt, policy, change, record).await
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.store.release_attempt(attempt).await
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.store.unlock(name, change).await
    }

    async fn add_device(
        &self,
        name: &UserName,
        device: TokenDigest,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.add_device(name, device, policy, now).await
    }
}

#[async_trait]
impl AuditStore for SessionCachingStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.append(events).await
    }

    async fn append_in_background(
        &self,
        events: Vec<AuditEvent>,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.append_in_background(events).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.records(query).await
    }

    async fn seal(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.store.seal().await
    }

    async fn replace_key(
        &self,
        successor: &AuditKey,
        change: &ChangeContext,
    ) -> Result<Checkpoint, StoreError> {
        self.store.replace_key(successor, change).await
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.store.checkpoint().await
    }

    async fn verify(&self, since: Option<&Checkpoint>) -> Result<LogVerification, StoreError> {
        self.store.verify(since).await
    }

    async fn prove(&self, sequence: u64) -> Result<Option<InclusionProof>, StoreError> {
        self.store.prove(sequence).await
    }

    async fn prove_leaves(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        until: u64,
    ) -> Result<Vec<InclusionProof>, StoreError> {
        self.store.prove_leaves(checkpoint, from, until).await
    }

    async fn detachment(&self) -> Result<Option<Detachment>, StoreError> {
        self.store.detachment().await
    }

    async fn detach(
        &self,
        exported: &[InclusionProof],
        now: Timestamp,
    ) -> Result<Detachment, ExportError> {
        self.store.detach(exported, now).await
    }

    fn log_health(&self) -> Result<(), HealthError> {
        self.store.log_health()
    }
}

#[async_trait]
impl PurgeStore for SessionCachingStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let retention = *retention;
        let purge = async move |store: Arc<dyn Store>| store.purge(now, &retention, limit).await;
        // The store does not return whose rows were deleted, and purges are rare.
        let invalidation = |purged: &usize| (*purged > 0).then_some(Invalidation::All);
        self.write_and_invalidate(move |purged| invalidation(purged).into_iter().collect(), purge)
            .await
    }
}
