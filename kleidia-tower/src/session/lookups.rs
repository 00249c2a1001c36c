//! The lookups of a caching store: one at a time for each session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::cache::{LookupStart, SessionCache};
use super::{SessionLookup, SessionView};
use crate::store::{Store, StoreError};

/// How long a query takes at most, and how long a request waits, for a query of others and its own.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many queries are in progress and how many requests wait for those of others, in total.
const MAX_WAITING: usize = 1000;

/// The lookups of a caching store that are in progress: one for each session, which all requests
/// await that find nothing in the cache. So a slow store gets one query for a session, however many
/// requests it has.
pub(super) struct Lookups {
    store: Arc<dyn Store>,
    cache: Arc<SessionCache>,
    in_progress: Mutex<HashMap<SessionLookup, Lookup>>,
    /// A permit for each query, and for each request that waits for that of another one.
    waiting: Arc<Semaphore>,
}

/// A lookup in progress.
#[derive(Clone)]
struct Lookup {
    start: LookupStart,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// A lookup in progress that a request waits for.
struct Joined {
    lookup: Lookup,
    /// `None` if the request started the lookup, whose task has the permit.
    permit: Option<OwnedSemaphorePermit>,
}

type Outcome = Result<Option<SessionView>, StoreError>;

/// Removes a lookup when it is done, also if the store panics.
struct Registration {
    lookups: Arc<Lookups>,
    key: SessionLookup,
    start: LookupStart,
}

impl Lookups {
    pub(super) fn new(store: Arc<dyn Store>, cache: Arc<SessionCache>) -> Arc<Self> {
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        Arc::new(Self { store, cache, in_progress: Mutex::default(), waiting })
    }

    /// Looks a session up, for a request that starts now. Needs a Tokio runtime with time enabled.
    pub(super) async fn look_up(self: &Arc<Self>, key: SessionLookup) -> Outcome {
        within_timeout(self.look_up_unchanged(key)).await
    }

    async fn look_up_unchanged(self: &Arc<Self>, key: SessionLookup) -> Outcome {
        let now = Instant::now();
        loop {
            let joined = self.join_or_start(key, now)?;
            let start = joined.lookup.start;
            let found = joined.lookup.wait().await?;
            // What another request looked up may have changed before this request.
            let is_same = |view| self.cache.is_unchanged(view, start);
            if joined.permit.is_none() || found.as_ref().is_none_or(is_same) {
                return Ok(found);
            }
        }
    }

    /// Looks a session up again in the background, unless that is in progress or too many lookups
    /// are: then the next request looks it up after its entry has expired.
    pub(super) fn renew(self: &Arc<Self>, key: SessionLookup) {
        drop(self.join_or_start(key, Instant::now()));
    }

    /// Returns the lookup in progress, or a new one. A lookup is not joined that started too long
    /// before the request: what it finds may be staler than allowed.
    fn join_or_start(
        self: &Arc<Self>,
        key: SessionLookup,
        now: Instant,
    ) -> Result<Joined, StoreError> {
        let permit = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let mut in_progress = self.in_progress();
        let age = |lookup: &&Lookup| now.saturating_duration_since(lookup.start.instant());
        let joined =
            in_progress.get(&key).filter(|lookup| age(lookup) < self.cache.max_staleness());
        if let Some(lookup) = joined {
            return Ok(Joined { lookup: lookup.clone(), permit: Some(permit) });
        }
        let (sender, outcome) = watch::channel(None);
        let lookup = Lookup { start: self.cache.start_lookup(), outcome };
        in_progress.insert(key, lookup.clone());
        let registration = Registration { lookups: Arc::clone(self), key, start: lookup.start };
        // As a task, so that it serves others also if the caller disconnects.
        #[expect(clippy::disallowed_methods, reason = "supervised: a panic is an error of `wait`")]
        tokio::spawn(async move {
            let found = within_timeout(registration.lookups.store.session(key)).await;
            registration.complete(&found);
            sender.send_replace(Some(found));
            drop(permit);
        });
        Ok(Joined { lookup, permit: None })
    }

    fn in_progress(&self) -> MutexGuard<'_, HashMap<SessionLookup, Lookup>> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within_timeout(lookup: impl Future<Output = Outcome>) -> Outcome {
    let timed_out = || StoreError::unavailable("no response within 5 s");
    timeout(TIMEOUT, lookup).await.unwrap_or_else(|_| Err(timed_out()))
}

impl Lookup {
    async fn wait(mut self) -> Outcome {
        let outcome = self.outcome.wait_for(Option::is_some).await;
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(StoreError::unavailable("the store panicked")))
    }
}

impl Registration {
    /// Caches what was found, before others start a lookup.
    fn complete(self, found: &Outcome) {
        if let Ok(Some(view)) = found {
            self.lookups.cache.insert(self.key, view.clone(), self.start);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut in_progress = self.lookups.in_progress();
        // A later request may have started another one.
        if in_progress.get(&self.key).is_some_and(|lookup| lookup.start.is_same(self.start)) {
            in_progress.remove(&self.key);
        }
    }
}
