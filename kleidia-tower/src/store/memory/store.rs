//! The store's traits, over rows in memory.

use std::fmt;
use std::ops::Bound;
use std::pin::pin;
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use super::purge::Expired;
use super::rows::State;
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

/// Keeps everything in memory, the audit log too, until the process ends.
///
/// ```
/// use kleidia_tower::UserId;
/// use kleidia_tower::account::AccountStore;
/// use kleidia_tower::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = MemoryStore::default();
/// assert!(store.account(UserId::new(1)).await.is_ok_and(|account| account.is_none()));
/// # }
/// ```
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

impl MemoryStore {
    fn read(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| poisoned())
    }

    /// Runs an operation, which has all rows for itself.
    fn write<T>(
        &self,
        operation: impl AsyncFnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state.write().map_err(|_| poisoned())?;
        let done = pin!(operation(&mut state));
        // Memory is never waited for, so one poll does it all.
        match done.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(StoreError::unavailable("pending operation")),
        }
    }
}

/// Somebody panicked in the middle of a change, so nothing can be believed any more.
fn poisoned() -> StoreError {
    StoreError::unavailable("a previous operation panicked")
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        Ok(self.read()?.accounts.get(&id).map(|(account, _)| Arc::clone(account)))
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        Ok(self.read()?.find_account(key).cloned())
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let state = self.read()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let accounts = state.accounts.range((from, Bound::Unbounded)).take(limit);
        Ok(accounts.map(|(_, (account, _))| Arc::clone(account)).collect())
    }

    async fn create_account(
        &self,
        new: NewAccount,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.write(async |rows| operations::create_account(rows, new, change).await)
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.write(async |rows| operations::update_account(rows, id, update, change).await)
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.write(async |rows| operations::change_password(rows, new, change).await)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        let state = self.read()?;
        let Some(session) = state.find_session(key) else { return Ok(None) };
        let account = state.accounts.get(&session.user);
        let (account, _) = account.ok_or(StoreError::Corrupt("session: its account is missing"))?;
        let (session, account) = (Arc::clone(session), Arc::clone(account));
        Ok(Some(SessionView { session, account }))
    }

    async fn sessions_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let state = self.read()?;
        let ids = state.sessions_of.get(&user).into_iter().flatten().rev();
        let sessions = ids.filter_map(|id| state.sessions.get(id));
        let active = sessions.filter(|(session, _)| session.is_active(now));
        Ok(active.map(|(session, _)| Arc::clone(session)).collect())
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        self.write(async |rows| operations::open(rows, new, change).await)
    }

    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError> {
        self.write(async |rows| operations::rotate(rows, rotation, change).await)
    }

    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.write(async |rows| operations::end(rows, which, reason, change).await)
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.write(async |rows| operations::touch(rows, session, now).await)
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
    }
}

#[async_trait]
impl FailureStore for MemoryStore {
    async fn reserve_attempt(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.write(async |rows| failures::reserve(rows, attempt, policy, now).await)
    }

    async fn record_failure(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::record_failure(rows, attempt, policy, change).await)
    }

    async fn record_throttled(
        &self,
        attempt: &LoginAttempt,
        policy: &LockoutPolicy,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::record_throttled(rows, attempt, policy, change).await)
    }

    async fn release_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        self.write(async |rows| failures::release(rows, attempt).await)
    }

    async fn unlock(
        &self,
        name: &UserName,
        change: &ChangeContext,
    ) -> Result<Committed<()>, StoreError> {
        self.write(async |rows| failures::unlock(rows, name, change).await)
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        self.write(async |rows| operations::append(rows, events).await)
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let state = self.read()?;
        let matching = state.records.iter().rev().filter(|record| query.matches(record));
        Ok(matching.take(query.limit).cloned().collect())
    }

    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError> {
        let state = self.read()?;
        let before = usize::try_from(since.sequence).ok().and_then(|end| state.records.get(..end));
        let is_known = before.is_some_and(|before| {
            before.last().map(AuditRecord::head).unwrap_or_default() == since
        });
        if !is_known {
            return Ok(ChainCheck::Broken { sequence: since.sequence });
        }
        let mut head = since;
        for record in state.records.iter().skip(before.map_or(0, <[_]>::len)) {
            let Some(next) = head.verify_next(record) else {
                return Ok(ChainCheck::Broken { sequence: head.sequence + 1 });
            };
            head = next;
        }
        Ok(ChainCheck::Intact(head))
    }
}

#[async_trait]
impl PurgeStore for MemoryStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let expired = Expired::find(&*self.read()?, now, retention, limit);
        self.write(async |rows| Ok(expired.remove(rows, now, retention)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
