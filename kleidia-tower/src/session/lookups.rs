//! The lookups of a caching store: one at a time for each session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::cache::{LookupStart, SessionCache};
use super::{SessionLookup, SessionView};
use crate::store::{Store, StoreError};

/// The lookups of a caching store that are in progress: one for each session, which all requests
/// await that find nothing in the cache. So a slow store gets one query for a session, however many
/// requests it has.
pub(super) struct Lookups {
    store: Arc<dyn Store>,
    cache: Arc<SessionCache>,
    in_progress: Mutex<HashMap<SessionLookup, Lookup>>,
}

/// A lookup in progress.
#[derive(Clone)]
struct Lookup {
    start: LookupStart,
    outcome: watch::Receiver<Option<Outcome>>,
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
        Arc::new(Self { store, cache, in_progress: Mutex::default() })
    }

    /// Looks a session up, for a request that starts now. Needs a Tokio runtime.
    pub(super) async fn look_up(self: &Arc<Self>, key: SessionLookup) -> Outcome {
        let now = Instant::now();
        loop {
            let (lookup, is_own) = self.join_or_start(key, now);
            let start = lookup.start;
            let found = lookup.wait().await?;
            // What another request looked up may have changed before this request.
            let is_same = |view| self.cache.is_unchanged(view, start);
            if is_own || found.as_ref().is_none_or(is_same) {
                return Ok(found);
            }
        }
    }

    /// Looks a session up again in the background, unless that is in progress.
    pub(super) fn renew(self: &Arc<Self>, key: SessionLookup) {
        drop(self.join_or_start(key, Instant::now()));
    }

    /// Returns the lookup in progress, or a new one and `true`. A lookup is not joined that started
    /// too long before the request: what it finds may be staler than allowed.
    fn join_or_start(self: &Arc<Self>, key: SessionLookup, now: Instant) -> (Lookup, bool) {
        let mut in_progress = self.in_progress();
        let age = |lookup: &&Lookup| now.saturating_duration_since(lookup.start.instant());
        let joined =
            in_progress.get(&key).filter(|lookup| age(lookup) < self.cache.max_staleness());
        if let Some(lookup) = joined {
            return (lookup.clone(), false);
        }
        let (sender, outcome) = watch::channel(None);
        let lookup = Lookup { start: self.cache.start_lookup(), outcome };
        in_progress.insert(key, lookup.clone());
        let registration = Registration { lookups: Arc::clone(self), key, start: lookup.start };
        // As a task, so that it serves others also if the caller disconnects.
        #[expect(clippy::disallowed_methods, reason = "supervised: a panic is an error of `wait`")]
        tokio::spawn(async move {
            let found = registration.lookups.store.session(key).await;
            registration.complete(&found);
            sender.send_replace(Some(found));
        });
        (lookup, true)
    }

    fn in_progress(&self) -> MutexGuard<'_, HashMap<SessionLookup, Lookup>> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
