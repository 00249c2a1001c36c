//! `MemoryStore`.

use std::fmt;
use std::mem;
use std::ops::Bound;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use super::purge::Expired;
use super::state::State;
use crate::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use crate::audit::{AuditKey, AuditQuery, AuditRecord, LogKey};
use crate::session::{Session, SessionEvents, SessionLookup, SessionView};
use crate::store::rows::{Operation, Publication, RefreshTokenState, Transactional};
use crate::store::sealer::Sealing;
use crate::store::{PurgeStore, Retention, StoreError};
use crate::{Timestamp, TokenDigest, UserId};

/// A store in memory. Its content, including the audit log, is lost when the process ends.
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
pub struct MemoryStore {
    state: RwLock<State>,
    events: SessionEvents,
    key: Option<LogKey>,
    sealing: Sealing,
}

impl MemoryStore {
    /// Creates a store with this key of its audit log. [`Self::default`] has a random one.
    #[must_use]
    pub fn with_audit_key(key: AuditKey) -> Self {
        // The log does not outlive the process.
        Self::with_optional_key(Some(key.without_checkpoint_file()))
    }

    fn with_optional_key(key: Option<AuditKey>) -> Self {
        let mut state = State::default();
        state.log.key.clone_from(&key);
        let (events, sealing) = (SessionEvents::default(), Sealing::default());
        Self { state: RwLock::new(state), events, key: key.map(LogKey::from), sealing }
    }

    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| poisoned())
    }

    fn lock(&self) -> Result<RwLockWriteGuard<'_, State>, StoreError> {
        self.state.write().map_err(|_| poisoned())
    }
}

/// An operation panicked in the middle of a change, so the rows may be inconsistent.
fn poisoned() -> StoreError {
    StoreError::unavailable("a previous operation panicked")
}

impl Default for MemoryStore {
    /// Without random octets for a key, each change that has to be recorded fails.
    fn default() -> Self {
        Self::with_optional_key(AuditKey::generate("memory").ok())
    }
}

#[async_trait]
impl Transactional for MemoryStore {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        Ok(self.read()?.find_account(key).cloned())
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let state = self.read()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let accounts = state.accounts.range((from, Bound::Unbounded)).take(limit);
        Ok(accounts.map(|(_, (account, _))| Arc::clone(account)).collect())
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        let state = self.read()?;
        let used = state.password_parameters.iter().filter(|(_, count)| **count > 0);
        Ok(used.map(|(parameters, _)| parameters.clone()).collect())
    }

    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        let state = self.read()?;
        let found = users.iter().filter_map(|user| state.profiles.get_key_value(user));
        Ok(found.map(|(user, profile)| (*user, profile.clone())).collect())
    }

    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut users = self.read()?.users_by_email(address);
        users.truncate(limit);
        Ok(users)
    }

    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        Ok(self.read()?.find_code(digest, purpose).cloned())
    }

    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        Ok(self.read()?.factors_of(user).cloned().collect())
    }

    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        Ok(self.read()?.find_factor(credential).cloned())
    }

    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        let state = self.read()?;
        let Some(session) = state.find_session(key) else { return Ok(None) };
        let account = state.accounts.get(&session.user);
        let (account, _) = account.ok_or(StoreError::Corrupt("session: its account is missing"))?;
        let (session, account) = (Arc::clone(session), Arc::clone(account));
        Ok(Some(SessionView { session, account }))
    }

    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let state = self.read()?;
        let ids = state.find_sessions.get(&user).into_iter().flatten().rev();
        let sessions = ids.filter_map(|id| state.sessions.get(id));
        let active = sessions.filter(|(session, _)| session.is_active(now));
        Ok(active.map(|(session, _)| Arc::clone(session)).collect())
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        let state = self.read()?;
        let Some(token) = state.refresh_tokens.get(digest) else { return Ok(None) };
        let session = state.find_session(SessionLookup::Id(token.session));
        let session =
            session.ok_or(StoreError::Corrupt("refresh token: its session is missing"))?;
        let account = state.accounts.get(&session.user);
        let (account, _) = account.ok_or(StoreError::Corrupt("session: its account is missing"))?;
        let is_revoked = state.is_revoked(token.family);
        Ok(Some(RefreshTokenState::new(token, session, account, is_revoked)))
    }

    async fn read_records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let state = self.read()?;
        let matching = state.log.records.iter().rev().filter(|record| query.matches(record));
        Ok(matching.take(query.limit).cloned().collect())
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        self.key.as_ref().ok_or_else(|| StoreError::unavailable("no random octets for a key"))
    }

    fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    fn events(&self) -> SessionEvents {
        self.events.clone()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock()?;
        // Rows in memory are never pending, so one poll completes the operation.
        let mut run = operation.run(&mut *state);
        let poll = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(run);
        let publication = Publication::new(&self.events, mem::take(&mut state.events));
        drop(state);
        match poll {
            Poll::Ready(outcome) => {
                publication.publish();
                outcome
            }
            Poll::Pending => Err(StoreError::unavailable("pending operation")),
        }
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
        Ok(expired.remove(&mut *self.lock()?, now, retention))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
