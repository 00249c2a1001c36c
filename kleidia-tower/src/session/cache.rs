//! A cache of sessions with versioned invalidation.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::{SessionLookup, SessionView};
use crate::{SessionId, UserId};

/// A cache of sessions with versioned invalidation.
///
/// Each invalidation has a version, which it takes after the store has committed the change. A
/// lookup reads the latest version before it queries the store, so an entry that was read before a
/// change is never served after it, however late the lookup inserts it.
pub(super) struct SessionCache {
    entries: Cache<SessionLookup, CacheEntry>,
    ttl: Duration,
    latest: AtomicU64,
    /// The latest version of each bucket: sessions and users share buckets by their hash.
    versions: Box<[AtomicU64]>,
    bucket_hasher: RandomState,
}

/// The start of a lookup.
#[derive(Clone, Copy)]
pub(super) struct LookupStart {
    instant: Instant,
    version: u64,
}

#[derive(Clone)]
struct CacheEntry {
    view: SessionView,
    start: LookupStart,
}

/// Which entries a change invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Invalidation {
    All,
    User(UserId),
    Session(SessionId),
}

/// Enough buckets that an invalidation rarely affects unrelated sessions: 128 KiB.
const BUCKETS: usize = 1 << 14;

impl SessionCache {
    pub(super) fn new(capacity: u64, ttl: Duration) -> Self {
        Self {
            entries: Cache::builder().max_capacity(capacity).time_to_live(ttl).build(),
            ttl,
            latest: AtomicU64::new(0),
            versions: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            bucket_hasher: RandomState::new(),
        }
    }

    pub(super) fn get(&self, key: &SessionLookup) -> Option<SessionView> {
        let CacheEntry { view, start } = self.entries.get(key)?;
        self.is_fresh(&view, start).then_some(view)
    }

    /// Starts a lookup. Call it before querying the store.
    pub(super) fn start_lookup(&self) -> LookupStart {
        LookupStart { instant: Instant::now(), version: self.latest.load(Ordering::SeqCst) }
    }

    pub(super) fn insert(&self, key: SessionLookup, view: SessionView, start: LookupStart) {
        if self.is_fresh(&view, start) {
            self.entries.insert(key, CacheEntry { view, start });
        }
    }

    /// Invalidates entries. Call it after the store has committed, and before the caller learns it.
    pub(super) fn invalidate(&self, invalidation: Invalidation) {
        let version = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(bucket) = self.bucket(invalidation) {
            bucket.fetch_max(version, Ordering::SeqCst);
        }
    }

    fn is_fresh(&self, view: &SessionView, start: LookupStart) -> bool {
        let is_valid = |invalidation| {
            let bucket = self.bucket(invalidation);
            bucket.is_some_and(|bucket| bucket.load(Ordering::SeqCst) <= start.version)
        };
        start.instant.elapsed() < self.ttl
            && is_valid(Invalidation::All)
            && is_valid(Invalidation::User(view.account.id))
            && is_valid(Invalidation::Session(view.session.id))
    }

    fn bucket(&self, invalidation: Invalidation) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.bucket_hasher.hash_one(invalidation) % BUCKETS as u64);
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
    fn does_not_serve_entries_from_before_an_invalidation() {
        for invalidation in [
            Invalidation::Session(SessionId::new(1)),
            Invalidation::User(UserId::new(1)),
            Invalidation::All,
        ] {
            let cache = SessionCache::new(10, HOUR);
            let before = cache.start_lookup();
            cache.insert(KEY, view(), before);
            assert!(cache.get(&KEY).is_some());
            cache.invalidate(invalidation);
            assert!(cache.get(&KEY).is_none(), "{invalidation:?}");
            // A lookup that was in progress inserts its result late.
            cache.insert(KEY, view(), before);
            assert!(cache.get(&KEY).is_none(), "{invalidation:?}");
            cache.insert(KEY, view(), cache.start_lookup());
            assert!(cache.get(&KEY).is_some(), "{invalidation:?}");
        }
    }

    #[test]
    fn keeps_entries_of_other_sessions() {
        let cache = SessionCache::new(10, HOUR);
        cache.insert(KEY, view(), cache.start_lookup());
        // One may share the bucket by chance, but not all ten.
        let invalidated = (100..110).filter(|other| {
            cache.invalidate(Invalidation::Session(SessionId::new(*other)));
            cache.get(&KEY).is_none()
        });
        assert!(invalidated.count() < 10);
    }

    #[test]
    fn entries_expire_after_the_ttl() {
        let cache = SessionCache::new(10, Duration::ZERO);
        cache.insert(KEY, view(), cache.start_lookup());
        assert!(cache.get(&KEY).is_none());
    }
}
