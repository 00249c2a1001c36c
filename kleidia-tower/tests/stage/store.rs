//! A store in memory that fails, or lets look-ups wait, when a test says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountLookup, AccountStore, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use kleidia_tower::audit::{
    AuditEvent, AuditQuery, AuditRecord, AuditStore, ChainCheck, ChainHead,
};
use kleidia_tower::lockout::{FailureStore, LockoutPolicy, LoginAttempt, Reservation};
use kleidia_tower::session::{
    EndReason, NewSession, OpenOutcome, Rotation, RotationOutcome, Session, SessionLookup,
    SessionSelector, SessionStore, SessionView,
};
use kleidia_tower::store::{
    ChangeContext, Committed, MemoryStore, PurgeStore, Retention, StoreError,
};
use kleidia_tower::{SessionId, Timestamp, UserId, UserName};
use tokio::sync::Notify;

/// The store in memory, in the hands of a test.
#[derive(Default)]
pub(crate) struct StagedStore {
    memory: MemoryStore,
    is_broken: AtomicBool,
    is_log_broken: AtomicBool,
    lookups: AtomicUsize,
    lookup_gate: Mutex<Option<Arc<Gate>>>,
    log_gate: Mutex<Option<Arc<Gate>>>,
}

/// Where something waits: a look-up with what it has found, an event before it is recorded.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) reached: Notify,
    pub(crate) opened: Notify,
}

impl StagedStore {
    /// From here on nothing can be asked, or everything again.
    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// From here on no event can be recorded alone, or each again.
    pub(crate) fn set_log_broken(&self, is_broken: bool) {
        self.is_log_broken.store(is_broken, Ordering::SeqCst);
    }

    /// How many sessions were looked up.
    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// Lets the next look-up wait.
    pub(crate) fn hold_next(&self) -> Arc<Gate> {
        hold(&self.lookup_gate)
    }

    /// Lets the next event wait.
    pub(crate) fn hold_next_event(&self) -> Arc<Gate> {
        hold(&self.log_gate)
    }

    fn memory(&self) -> Result<&MemoryStore, StoreError> {
        let is_broken = self.is_broken.load(Ordering::SeqCst);
        if is_broken { Err(StoreError::unavailable("unplugged")) } else { Ok(&self.memory) }
    }
}

fn hold(place: &Mutex<Option<Arc<Gate>>>) -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    *place.lock().unwrap() = Some(Arc::clone(&gate));
    gate
}

async fn pass(place: &Mutex<Option<Arc<Gate>>>) {
    let gate = place.lock().unwrap().take();
    if let Some(gate) = gate {
        gate.reached.notify_one();
        gate.opened.notified().await;
    }
}

#[async_trait]
impl SessionStore for StagedStore {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let found = self.memory()?.session(key).await;
        pass(&self.lookup_gate).await;
        found
    }

    async fn sessions_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.memory()?.sessions_of(user, now).await
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        self.memory()?.open_session(new, change).await
    }

    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError> {
        self.memory()?.rotate_refresh_token(rotation, change).await
    }

    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.memory()?.end_sessions(which, reason, change).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.memory()?.touch(session, now).await
    }

    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.memory()?.register_agent(session, user, public_key_pem, change).await
    }
}

#[async_trait]
impl AccountStore for StagedStore {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        self.memory()?.account(id).await
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.memory()?.account_with_password(key).await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.memory()?.accounts(after, limit).await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.memory()?.create_account(new, change).await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.memory()?.update_account(id, update, change).await
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.memory()?.change_password(new, change).await
    }
}

#[async_trait]
impl FailureStore for StagedStore {
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.memory()?.reserve_attempt(attempt, policy, now).await
    }

    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.memory()?.record_failure(attempt, policy, change).await
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.memory()?.record_throttled(attempt, policy, change).await
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.memory()?.release_attempt(attempt).await
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.memory()?.unlock(name, change).await
    }
}

#[async_trait]
impl AuditStore for StagedStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        pass(&self.log_gate).await;
        if self.is_log_broken.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("out of paper"));
        }
        self.memory()?.append(events).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.memory()?.records(query).await
    }

    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError> {
        self.memory()?.verify_chain(since).await
    }
}

#[async_trait]
impl PurgeStore for StagedStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.memory()?.purge(now, retention, limit).await
    }
}
