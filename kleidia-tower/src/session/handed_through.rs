//! What a store that remembers sessions mostly hands through.

use std::sync::Arc;

use async_trait::async_trait;

use super::CachedSessions;
use super::cache::Concerned;
use crate::audit::{AuditEvent, AuditQuery, AuditRecord, AuditStore, ChainCheck, ChainHead};
use crate::lockout::{Attempt, FailureStore, LockoutPolicy, Reservation};
use crate::store::{Change, Committed, ExpiryStore, Retention, Store, StoreError};
use crate::{Timestamp, UserName};

#[async_trait]
impl FailureStore for CachedSessions {
    async fn reserve(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.store.reserve(attempt, policy, now).await
    }

    async fn fail(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        change: &Change,
    ) -> Result<Committed<()>, StoreError> {
        self.store.fail(attempt, policy, change).await
    }

    async fn refuse(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        change: &Change,
    ) -> Result<Committed<()>, StoreError> {
        self.store.refuse(attempt, policy, change).await
    }

    async fn release(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.store.release(attempt).await
    }

    async fn unlock(&self, name: &UserName, change: &Change) -> Result<Committed<()>, StoreError> {
        self.store.unlock(name, change).await
    }
}

#[async_trait]
impl AuditStore for CachedSessions {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.append(events).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.records(query).await
    }

    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError> {
        self.store.verify_chain(since).await
    }
}

#[async_trait]
impl ExpiryStore for CachedSessions {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let retention = *retention;
        let purge = async move |store: Arc<dyn Store>| store.purge(now, &retention, limit).await;
        // Nobody tells whose they were; it is once in a while.
        let concerned = |purged: &usize| (*purged > 0).then_some(Concerned::Anybody);
        self.change(move |purged| concerned(purged).into_iter().collect(), purge).await
    }
}
