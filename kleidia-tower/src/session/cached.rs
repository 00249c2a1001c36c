//! A store that remembers sessions for a moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cache::{Concerned, SessionCache};
use super::{
    EndReason, Ending, NewSession, Opened, Rotated, Rotation, Session, SessionKey, SessionStore,
    SessionView,
};
use crate::account::{
    Account, AccountLookup, AccountStore, AccountUpdate, NewAccount, PasswordChange, StoredPassword,
};
use crate::store::{Change, Committed, Store, StoreError};
use crate::{SessionId, Timestamp, UserId};

/// A store around another one that answers for sessions from memory, for a moment: 5 seconds by
/// default.
///
/// # Staleness
/// - What happens through this store, such as a logout or a disabled account, is seen at once: by
///   the first request that begins after it was done, and by look-ups that were under way.
/// - What happens past it, on other nodes, is seen after the period at the latest. Without this
///   store it is seen at once.
/// - That a session is over by time is seen at once in either case.
///
/// At most 10,000 sessions are remembered by default; each takes about 1 KiB. Sessions that are
/// unknown are not remembered. It needs a Tokio runtime: what was begun is done to the end, even if
/// the caller does not wait, so that it does not happen unseen.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use kleidia_tower::session::CachedSessions;
/// use kleidia_tower::store::MemoryStore;
///
/// let cached = CachedSessions::new(Arc::new(MemoryStore::default()));
/// let shorter = cached.with_staleness(Duration::from_secs(1)).with_capacity(100_000);
/// ```
#[derive(Clone)]
pub struct CachedSessions {
    pub(super) store: Arc<dyn Store>,
    cache: Arc<SessionCache>,
    capacity: u64,
    staleness: Duration,
}

impl CachedSessions {
    /// For how long a session is believed by default.
    pub const DEFAULT_STALENESS: Duration = Duration::from_secs(5);

    /// How many sessions are remembered by default.
    pub const DEFAULT_CAPACITY: u64 = 10_000;

    /// Remembers the sessions of this store, which nothing on this node may use past it.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (capacity, staleness) = (Self::DEFAULT_CAPACITY, Self::DEFAULT_STALENESS);
        let cache = Arc::new(SessionCache::new(capacity, staleness));
        Self { store, cache, capacity, staleness }
    }

    /// Sets for how long a session is believed, from when its look-up began. It forgets what is
    /// remembered, and clones that were made before remember for themselves.
    #[must_use]
    pub fn with_staleness(self, staleness: Duration) -> Self {
        Self { staleness, ..self }.renewed()
    }

    /// Sets how many sessions are remembered at most. It forgets what is remembered, and clones
    /// that were made before remember for themselves.
    #[must_use]
    pub fn with_capacity(self, sessions: u64) -> Self {
        Self { capacity: sessions, ..self }.renewed()
    }

    fn renewed(self) -> Self {
        let cache = Arc::new(SessionCache::new(self.capacity, self.staleness));
        Self { cache, ..self }
    }

    /// Changes something, tells the cache of it, and only then the caller.
    pub(super) async fn change<T, F>(
        &self,
        concerned: impl FnOnce(&T) -> Vec<Concerned> + Send + 'static,
        change: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (change, cache) = (change(Arc::clone(&self.store)), Arc::clone(&self.cache));
        // A caller that hangs up would take with it what the cache has to be told.
        let task = tokio::spawn(async move {
            let done = change.await;
            match &done {
                Ok(done) => concerned(done).into_iter().for_each(|to| cache.happened_to(to)),
                // A connection that broke may have broken after the change.
                Err(_) => cache.happened_to(Concerned::Anybody),
            }
            done
        });
        let gave_up = |error| Err(StoreError::unavailable(error));
        task.await.unwrap_or_else(gave_up)
    }
}

#[async_trait]
impl SessionStore for CachedSessions {
    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        if let Some(view) = self.cache.get(&key) {
            return Ok(Some(view));
        }
        let since = self.cache.begin();
        let found = self.store.session(key).await?;
        if let Some(view) = &found {
            self.cache.insert(key, view.clone(), since);
        }
        Ok(found)
    }

    async fn sessions_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.store.sessions_of(user, now).await
    }

    async fn open(
        &self,
        new: NewSession,
        change: &Change,
    ) -> Result<Committed<Opened>, StoreError> {
        self.store.open(new, change).await
    }

    async fn rotate(
        &self,
        rotation: &Rotation,
        change: &Change,
    ) -> Result<Committed<Rotated>, StoreError> {
        let (rotation, change) = (rotation.clone(), change.clone());
        let rotate = async move |store: Arc<dyn Store>| store.rotate(&rotation, &change).await;
        let concerned = |rotated: &Committed<Rotated>| match &rotated.value {
            Rotated::First { session } => vec![Concerned::Session(session.session.id)],
            Rotated::Reused(account) => vec![Concerned::User(account.id)],
            Rotated::Again { .. } | Rotated::Invalid | Rotated::Disabled => Vec::new(),
        };
        self.change(concerned, rotate).await
    }

    async fn end(
        &self,
        which: Ending,
        reason: EndReason,
        change: &Change,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        let concerned = match which {
            Ending::One { session, .. } => Concerned::Session(session),
            Ending::All { user } => Concerned::User(user),
        };
        let change = change.clone();
        let end = async move |store: Arc<dyn Store>| store.end(which, reason, &change).await;
        self.change(move |_| vec![concerned], end).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let touched = self.store.touch(session, now).await;
        self.cache.happened_to(Concerned::Session(session));
        touched
    }

    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &Change,
    ) -> Result<Committed<bool>, StoreError> {
        let change = change.clone();
        let register = async move |store: Arc<dyn Store>| {
            store.register_agent(session, user, public_key_pem, &change).await
        };
        self.change(move |_| vec![Concerned::Session(session)], register).await
    }
}

#[async_trait]
impl AccountStore for CachedSessions {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        self.store.account(id).await
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.store.account_with_password(key).await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.store.accounts(after, limit).await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        change: &Change,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        self.store.create_account(new, change).await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &Change,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        let change = change.clone();
        let update =
            async move |store: Arc<dyn Store>| store.update_account(id, update, &change).await;
        self.change(move |_| vec![Concerned::User(id)], update).await
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &Change,
    ) -> Result<Committed<bool>, StoreError> {
        let (user, change) = (new.user, change.clone());
        let update = async move |store: Arc<dyn Store>| store.change_password(new, &change).await;
        self.change(move |_| vec![Concerned::User(user)], update).await
    }
}

impl fmt::Debug for CachedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedSessions").field(&self.cache).finish()
    }
}
