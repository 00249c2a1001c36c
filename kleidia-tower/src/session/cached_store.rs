//! A store that caches sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cache::{Hit, Invalidation, SessionCache};
use super::lookups::Lookups;
use super::{
    EndReason, NewSession, OpenOutcome, RefreshCheck, Rotation, RotationOutcome, Session,
    SessionEvents, SessionLookup, SessionSelector, SessionStore, SessionView,
};
use crate::instruments;
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{Clock, SessionId, SettingError, Timestamp, TokenDigest, UserId};

/// Caches the sessions of another store.
///
/// # Staleness
/// - Changes through this store, such as a logout or a disabled account, take effect immediately:
///   for every request that starts after the change, and for lookups that were in progress.
/// - Changes by other processes take effect within the
///   [maximum staleness](Self::with_max_staleness), 5 seconds by default: a request that starts
///   later never gets what was true before. Without this store they take effect immediately.
/// - A session that has expired is never accepted.
///
/// If the store has a [feed](SessionEvents::has_feed) of such changes, as
/// [`PostgresStore`](crate::store::PostgresStore), they take effect as soon as the feed delivers
/// them, usually within milliseconds. Then sessions are cached for 30 seconds, while each node
/// receives its own heartbeats through the feed: if none that was sent within the maximum staleness
/// has been received, because the feed is cut, slow or behind, the cache is empty and unused, and
/// each request queries the store. Without a feed, sessions are cached for the maximum staleness.
///
/// The staleness is measured by the monotonic clock, which stands still while a machine is
/// suspended.
///
/// # Load
/// At most 10,000 sessions are cached by default, at about 1 KiB each. Unknown sessions are not
/// cached. One query at a time looks a session up, for all its requests. A session in use is looked
/// up again before its entry expires, so a store that is slow for a moment delays no request. A
/// query takes at most 5 seconds. At most 1,000 queries are in progress and requests wait for those
/// of others; further requests fail with [`StoreError::Busy`].
///
/// It needs a Tokio runtime with time enabled: a change runs to completion even if the caller drops its future, so
/// that the cache is always invalidated.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use kleidia_tower::session::SessionCachingStore;
/// use kleidia_tower::store::MemoryStore;
///
/// let cached = SessionCachingStore::new(Arc::new(MemoryStore::default()));
/// let cached = cached.with_max_staleness(Duration::from_secs(1))?.with_capacity(100_000)?;
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone)]
pub struct SessionCachingStore {
    pub(super) store: Arc<dyn Store>,
    cache: Arc<SessionCache>,
    lookups: Arc<Lookups>,
    capacity: u64,
    max_staleness: Duration,
    clock: Option<Arc<dyn Clock>>,
}

impl SessionCachingStore {
    /// The default maximum staleness: 5 seconds.
    pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(5);

    /// The default capacity, in sessions.
    pub const DEFAULT_CAPACITY: u64 = 10_000;

    /// Caches the sessions of this store. Make all changes on this node through the returned store,
    /// or they take effect as those of other processes do.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (capacity, max_staleness) = (Self::DEFAULT_CAPACITY, Self::DEFAULT_MAX_STALENESS);
        Self::with_cache(store, capacity, max_staleness, None)
    }

    /// Sets how late changes by other processes take effect at most: 0 to 1 day, 5 seconds by
    /// default. The cache starts empty and is not shared with earlier clones.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_staleness(self, max_staleness: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::ZERO..=Duration::from_secs(24 * 3600);
        let max = SettingError::check("maximum staleness of sessions", max_staleness, bounds)?;
        Ok(Self::with_cache(self.store, self.capacity, max, self.clock))
    }

    /// Sets the maximum number of cached sessions: 1 to 10,000,000, 10,000 by default. The cache
    /// starts empty and is not shared with earlier clones.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_capacity(self, sessions: u64) -> Result<Self, SettingError> {
        let sessions = SettingError::check("cached sessions", sessions, 1..=10_000_000)?;
        Ok(Self::with_cache(self.store, sessions, self.max_staleness, self.clock))
    }

    /// Sets the clock by which sessions expire. A session that has expired in the cache is looked
    /// up again, since another process may have extended it; without a clock it is so for the rest
    /// of the time that it is cached.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    fn with_cache(
        store: Arc<dyn Store>,
        capacity: u64,
        max_staleness: Duration,
        clock: Option<Arc<dyn Clock>>,
    ) -> Self {
        let events = store.session_events();
        let cache = Arc::new(SessionCache::new(capacity, max_staleness, events.as_ref()));
        let lookups = Lookups::new(Arc::clone(&store), Arc::clone(&cache));
        Self { store, cache, lookups, capacity, max_staleness, clock }
    }

    /// Whether another process may have extended a session that is in the cache.
    fn may_be_extended(&self, session: &Session) -> bool {
        let Some(clock) = &self.clock else { return false };
        clock.now().is_some_and(|now| now >= session.expires_at)
    }

    /// Makes a change and invalidates the cache before returning.
    pub(super) async fn write_and_invalidate<T, F>(
        &self,
        invalidations: impl FnOnce(&T) -> Vec<Invalidation> + Send + 'static,
        change: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (change, cache) = (change(Arc::clone(&self.store)), Arc::clone(&self.cache));
        // As a task, so that the cache is invalidated even if the caller drops the future.
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let task = tokio::spawn(async move {
            let done = change.await;
            match &done {
                Ok(done) => invalidations(done)
                    .into_iter()
                    .for_each(|invalidation| cache.invalidate(invalidation)),
                // The connection may have failed after the commit.
                Err(_) => cache.invalidate(Invalidation::All),
            }
            done
        });
        task.await.unwrap_or_else(|error| {
            // The store may have panicked after the commit.
            self.cache.invalidate(Invalidation::All);
            Err(StoreError::unavailable(error))
        })
    }
}

#[async_trait]
impl SessionStore for SessionCachingStore {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        let hit = self.cache.get(&key);
        let hit = hit.filter(|hit| !self.may_be_extended(&hit.view.session));
        instruments::count_cache_lookup(hit.is_some());
        let Some(Hit { view, needs_renewal }) = hit else {
            return self.lookups.look_up(key).await;
        };
        if needs_renewal {
            self.lookups.renew(key);
        }
        Ok(Some(view))
    }

    async fn find_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.store.find_sessions(user, now).await
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        let change = change.clone();
        let open = async move |store: Arc<dyn Store>| store.open_session(new, &change).await;
        let invalidations = |opened: &Committed<OpenOutcome>| match &opened.value {
            OpenOutcome::Opened { displaced, .. } => {
                displaced.iter().copied().map(Invalidation::Session).collect()
            }
            OpenOutcome::AccountDisabled | OpenOutcome::PasswordChanged => Vec::new(),
        };
        self.write_and_invalidate(invalidations, open).await
    }

    async fn check_refresh_token(
        &self,
        presented: &TokenDigest,
        login_ttl: Duration,
        now: Timestamp,
    ) -> Result<RefreshCheck, StoreError> {
        self.store.check_refresh_token(presented, login_ttl, now).await
    }

    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError> {
        let (rotation, change) = (rotation.clone(), change.clone());
        let rotate =
            async move |store: Arc<dyn Store>| store.rotate_refresh_token(&rotation, &change).await;
        let invalidations = |rotated: &Committed<RotationOutcome>| match &rotated.value {
            RotationOutcome::Rotated { session, .. } => {
                vec![Invalidation::Session(session.session.id)]
            }
            RotationOutcome::Reused(account) => vec![Invalidation::User(account.id)],
            RotationOutcome::Retried { .. }
            | RotationOutcome::Invalid
            | RotationOutcome::AccountDisabled => Vec::new(),
        };
        self.write_and_invalidate(invalidations, rotate).await
    }

    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        let selected = match which {
            SessionSelector::One { session, .. } => Invalidation::Session(session),
            SessionSelector::All { user } => Invalidation::User(user),
        };
        // Not always the selected one ends: a refresh may have opened another one in its place.
        let invalidations = move |ended: &Committed<Vec<SessionId>>| {
            let ended = ended.value.iter().copied().map(Invalidation::Session);
            ended.chain([selected]).collect()
        };
        let change = change.clone();
        let end =
            async move |store: Arc<dyn Store>| store.end_sessions(which, reason, &change).await;
        self.write_and_invalidate(invalidations, end).await
    }

    async fn end_sessions_of_users(
        &self,
        users: &[UserId],
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        let (users, change) = (users.to_vec(), change.clone());
        let invalidations: Vec<_> = users.iter().copied().map(Invalidation::User).collect();
        let end = async move |store: Arc<dyn Store>| {
            store.end_sessions_of_users(&users, reason, &change).await
        };
        self.write_and_invalidate(move |_| invalidations, end).await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        let touched = self.store.touch(seen).await;
        for (session, _) in seen {
            self.cache.invalidate(Invalidation::Session(*session));
        }
        touched
    }

    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        let change = change.clone();
        let register = async move |store: Arc<dyn Store>| {
            store.register_agent(session, user, public_key_pem, &change).await
        };
        self.write_and_invalidate(move |_| vec![Invalidation::Session(session)], register).await
    }

    fn session_events(&self) -> Option<SessionEvents> {
        self.store.session_events()
    }
}

impl fmt::Debug for SessionCachingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionCachingStore").field(&self.cache).finish()
    }
}
