//! `MemoryStore` with injected errors and pauses.

#[path = "factor_store.rs"]
mod factor_store;
#[path = "pause_point.rs"]
mod pause_point;
#[path = "recovering_store.rs"]
mod recovering_store;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountChangeError, AccountLookup, AccountStore, AccountUpdate, ImportMode,
    ImportResult, ImportedAccount, NewAccount, PasswordChange, StoredPassword,
};
use kleidia_tower::audit::{
    AuditEvent, AuditQuery, AuditRecord, AuditStore, Checkpoint, InclusionProof, LogVerification,
};
use kleidia_tower::lockout::{
    AttemptRecord, FailureStore, LockoutPolicy, LoginAttempt, Reservation,
};
use kleidia_tower::rbac::RoleRules;
use kleidia_tower::session::{
    EndReason, NewSession, OpenOutcome, RefreshCheck, Rotation, RotationOutcome, Session,
    SessionEvents, SessionLookup, SessionSelector, SessionStore, SessionView,
};
use kleidia_tower::store::{ChangeContext, Committed, MemoryStore, StoreError};
use kleidia_tower::{HealthError, SessionId, Timestamp, TokenDigest, UserId, UserName};

use self::pause_point::{PausePoint, pause_at, set_pause};

/// A `MemoryStore` whose operations fail or pause on request.
#[derive(Default)]
pub(crate) struct FaultInjectingStore {
    memory: MemoryStore,
    is_unavailable: AtomicBool,
    is_audit_unavailable: AtomicBool,
    appends: AtomicUsize,
    lookups: AtomicUsize,
    lookup_pause: Mutex<Option<Arc<PausePoint>>>,
    audit_pause: Mutex<Option<Arc<PausePoint>>>,
    touch_pause: Mutex<Option<Arc<PausePoint>>>,
    settling_fails: AtomicBool,
    corrupt_leaf: Mutex<Option<u64>>,
}

impl FaultInjectingStore {
    /// Makes all operations fail, or succeed again.
    pub(crate) fn set_unavailable(&self, is_unavailable: bool) {
        self.is_unavailable.store(is_unavailable, Ordering::SeqCst);
    }

    /// Makes appending to the audit log fail, or succeed again.
    pub(crate) fn set_audit_unavailable(&self, is_unavailable: bool) {
        self.is_audit_unavailable.store(is_unavailable, Ordering::SeqCst);
    }

    /// Makes all operations that settle a login attempt fail, or succeed again.
    pub(crate) fn set_settling_fails(&self, fails: bool) {
        self.settling_fails.store(fails, Ordering::SeqCst);
    }

    /// Makes it impossible to read a record of the audit log, as if it was altered.
    pub(crate) fn set_corrupt_leaf(&self, leaf: Option<u64>) {
        *self.corrupt_leaf.lock().unwrap() = leaf;
    }

    /// Pauses the next update of `last_seen_at`, as if another writer was busy.
    pub(crate) fn pause_next_touch(&self) -> Arc<PausePoint> {
        set_pause(&self.touch_pause)
    }

    /// Returns the number of session lookups.
    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// Returns how many transactions appended events that belong to no change.
    pub(crate) fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }

    /// Pauses the next session lookup.
    pub(crate) fn pause_next_lookup(&self) -> Arc<PausePoint> {
        set_pause(&self.lookup_pause)
    }

    /// Pauses the next append to the audit log.
    pub(crate) fn pause_next_event(&self) -> Arc<PausePoint> {
        set_pause(&self.audit_pause)
    }

    fn settling(&self) -> Result<&MemoryStore, StoreError> {
        let fails = self.settling_fails.load(Ordering::SeqCst);
        if fails { Err(StoreError::unavailable("injected")) } else { self.memory() }
    }

    fn memory(&self) -> Result<&MemoryStore, StoreError> {
        let is_available = !self.is_unavailable.load(Ordering::SeqCst);
        is_available.then_some(&self.memory).ok_or_else(|| StoreError::unavailable("injected"))
    }
}

#[async_trait]
impl SessionStore for FaultInjectingStore {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let found = self.memory()?.session(key).await;
        pause_at(&self.lookup_pause).await;
        found
    }

    async fn find_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.memory()?.find_sessions(user, now).await
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        self.settling()?.open_session(new, change).await
    }

    async fn check_refresh_token(
        &self,
        presented: &TokenDigest,
        login_ttl: Duration,
        now: Timestamp,
    ) -> Result<RefreshCheck, StoreError> {
        self.memory()?.check_refresh_token(presented, login_ttl, now).await
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

    async fn end_sessions_of_users(
        &self,
        users: &[UserId],
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.memory()?.end_sessions_of_users(users, reason, change).await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        pause_at(&self.touch_pause).await;
        self.memory()?.touch(seen).await
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

    fn session_events(&self) -> Option<SessionEvents> {
        self.memory.session_events()
    }
}

#[async_trait]
impl AccountStore for FaultInjectingStore {
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

    async fn password_parameters(&self) -> Result<Vec<String>, StoreError> {
        self.memory()?.password_parameters().await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.create_account(new, rules, change).await
    }

    async fn import_accounts(
        &self,
        accounts: Vec<ImportedAccount>,
        mode: ImportMode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<ImportResult>>, StoreError> {
        self.memory()?.import_accounts(accounts, mode, rules, change).await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.update_account(id, update, rules, change).await
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
impl FailureStore for FaultInjectingStore {
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
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.settling()?.record_failure(attempt, policy, change, record).await
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
        record: AttemptRecord,
    ) -> Result<Committed<()>, StoreError> {
        self.settling()?.record_throttled(attempt, policy, change, record).await
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.settling()?.release_attempt(attempt).await
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.memory()?.unlock(name, change).await
    }

    async fn add_device(
        &self,
        name: &UserName,
        device: TokenDigest,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.memory()?.add_device(name, device, policy, now).await
    }
}

#[async_trait]
impl AuditStore for FaultInjectingStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        pause_at(&self.audit_pause).await;
        if self.is_audit_unavailable.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("injected"));
        }
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.memory()?.append(events).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.memory()?.records(query).await
    }

    async fn seal(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.memory()?.seal().await
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.memory()?.checkpoint().await
    }

    async fn verify(&self, since: Option<&Checkpoint>) -> Result<LogVerification, StoreError> {
        self.memory()?.verify(since).await
    }

    async fn prove(&self, sequence: u64) -> Result<Option<InclusionProof>, StoreError> {
        self.memory()?.prove(sequence).await
    }

    async fn prove_leaves(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        until: u64,
    ) -> Result<Vec<InclusionProof>, StoreError> {
        if self.corrupt_leaf.lock().unwrap().is_some_and(|leaf| (from..until).contains(&leaf)) {
            return Err(StoreError::Corrupt("injected"));
        }
        self.memory()?.prove_leaves(checkpoint, from, until).await
    }

    fn log_health(&self) -> Result<(), HealthError> {
        self.memory.log_health()
    }
}
