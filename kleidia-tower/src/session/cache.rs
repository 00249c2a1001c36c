//! Sessions as they were a moment ago, unless something has happened to them since.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::{SessionLookup, SessionView};
use crate::{SessionId, UserId};

/// Sessions as they were when they were looked up.
///
/// Everything that happens to a session or its user takes a number, once the store has it. A
/// look-up notes the last number before it asks the store, so what was found before something
/// happened is never believed after, however late it comes.
pub(super) struct SessionCache {
    entries: Cache<SessionLookup, CacheEntry>,
    ttl: Duration,
    last: AtomicU64,
    /// The number of what happened last, to any of those that share a bucket.
    versions: Box<[AtomicU64]>,
    bucket_hasher: RandomState,
}

/// When a look-up began.
#[derive(Clone, Copy)]
pub(super) struct LookupStart {
    instant: Instant,
    number: u64,
}

#[derive(Clone)]
struct CacheEntry {
    view: SessionView,
    since: LookupStart,
}

/// To whom something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Invalidation {
    /// To who knows whom.
    All,
    /// To all sessions of a user.
    User(UserId),
    /// To one session.
    Session(SessionId),
}

/// Enough that what happens to others seldom looks as if it had happened here: 128 KiB.
const BUCKETS: usize = 1 << 14;

impl SessionCache {
    pub(super) fn new(capacity: u64, ttl: Duration) -> Self {
        Self {
            entries: Cache::builder().max_capacity(capacity).time_to_live(ttl).build(),
            ttl,
            last: AtomicU64::new(0),
            versions: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            bucket_hasher: RandomState::new(),
        }
    }

    pub(super) fn get(&self, key: &SessionLookup) -> Option<SessionView> {
        let CacheEntry { view, since } = self.entries.get(key)?;
        self.is_fresh(&view, since).then_some(view)
    }

    /// To be called before the store is asked.
    pub(super) fn start_lookup(&self) -> LookupStart {
        LookupStart { instant: Instant::now(), number: self.last.load(Ordering::SeqCst) }
    }

    pub(super) fn insert(&self, key: SessionLookup, view: SessionView, since: LookupStart) {
        if self.is_fresh(&view, since) {
            self.entries.insert(key, CacheEntry { view, since });
        }
    }

    /// To be called once the store has it, and before anybody is told that it is done.
    pub(super) fn invalidate(&self, invalidations: Invalidation) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(bucket) = self.bucket(invalidations) {
            bucket.fetch_max(number, Ordering::SeqCst);
        }
    }

    fn is_fresh(&self, view: &SessionView, since: LookupStart) -> bool {
        let is_valid = |invalidations| {
            let bucket = self.bucket(invalidations);
            bucket.is_some_and(|bucket| bucket.load(Ordering::SeqCst) <= since.number)
        };
        since.instant.elapsed() < self.ttl
            && is_valid(Invalidation::All)
            && is_valid(Invalidation::User(view.account.id))
            && is_valid(Invalidation::Session(view.session.id))
    }

    fn bucket(&self, invalidations: Invalidation) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.bucket_hasher.hash_one(invalidations) % BUCKETS as u64);
        self.versions.get(hash.ok()?)
    }
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCache")
            .field("sessions", &self.entries.entry_count())
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const HOUR: Duration = Duration::from_secs(3600);

    fn view() -> SessionView {
        testing::session("alice".parse().unwrap(), [])
    }

    const KEY: SessionLookup = SessionLookup::Id(SessionId::new(1));

    #[test]
    fn what_was_found_before_something_happened_is_not_believed_after() {
        for invalidations in [
            Invalidation::Session(SessionId::new(1)),
            Invalidation::User(UserId::new(1)),
            Invalidation::All,
        ] {
            let cache = SessionCache::new(10, HOUR);
            let before = cache.start_lookup();
            cache.insert(KEY, view(), before);
            assert!(cache.get(&KEY).is_some());
            cache.invalidate(invalidations);
            assert!(cache.get(&KEY).is_none(), "{invalidations:?}");
            // A look-up that was under way comes in late.
            cache.insert(KEY, view(), before);
            assert!(cache.get(&KEY).is_none(), "{invalidations:?}");
            cache.insert(KEY, view(), cache.start_lookup());
            assert!(cache.get(&KEY).is_some(), "{invalidations:?}");
        }
    }

    #[test]
    fn what_happens_to_others_changes_nothing() {
        let cache = SessionCache::new(10, HOUR);
        cache.insert(KEY, view(), cache.start_lookup());
        // By chance one may share the bucket; not all of so few.
        let forgotten = (100..110).filter(|other| {
            cache.invalidate(Invalidation::Session(SessionId::new(*other)));
            cache.get(&KEY).is_none()
        });
        assert!(forgotten.count() < 10);
    }

    #[test]
    fn nothing_is_believed_for_longer_than_said() {
        let cache = SessionCache::new(10, Duration::ZERO);
        cache.insert(KEY, view(), cache.start_lookup());
        assert!(cache.get(&KEY).is_none());
    }
}
