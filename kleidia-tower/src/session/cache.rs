//! A cache of sessions with versioned invalidation.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::event_follower::EventFollower;
use super::{SessionEvents, SessionLookup, SessionView};
use crate::{SessionId, UserId};

/// A cache of sessions with versioned invalidation.
///
/// Each invalidation has a version, which it takes after the store has committed the change. A
/// lookup reads the latest version before it queries the store, so an entry that was read before a
/// change is never served after it, however late the lookup inserts it.
///
/// The events of the store invalidate what others change. If they come by a feed, entries are kept
/// longer than the maximum staleness, and the cache is used only while the feed is up to date.
pub(super) struct SessionCache {
    entries: Cache<SessionLookup, CacheEntry>,
    follower: EventFollower,
    max_staleness: Duration,
    ttl: Duration,
    latest: AtomicU64,
    /// The latest version of each bucket: sessions and users share buckets by their hash.
    versions: Box<[AtomicU64]>,
    bucket_hasher: RandomState,
    lookups: AtomicU64,
}

/// The start of a lookup.
#[derive(Clone, Copy)]
pub(super) struct LookupStart {
    instant: Instant,
    version: u64,
    number: u64,
}

/// A session in the cache.
pub(super) struct Hit {
    pub(super) view: SessionView,
    /// Whether the caller should renew the entry. It is asked once.
    pub(super) needs_renewal: bool,
}

#[derive(Clone)]
struct CacheEntry {
    view: SessionView,
    start: LookupStart,
    /// Whether no lookup renews the entry yet.
    is_renewable: Arc<AtomicBool>,
}

/// Which entries a change invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Invalidation {
    All,
    User(UserId),
    Session(SessionId),
}

/// How long entries are kept while a feed is up to date.
const TTL_WITH_FEED: Duration = Duration::from_secs(30);

/// Enough buckets that an invalidation rarely affects unrelated sessions: 128 KiB.
const BUCKETS: usize = 1 << 14;

impl SessionCache {
    pub(super) fn new(
        capacity: u64,
        max_staleness: Duration,
        events: Option<&SessionEvents>,
    ) -> Self {
        let follower = EventFollower::new(events, max_staleness);
        let ttl = if follower.has_feed() { TTL_WITH_FEED } else { max_staleness };
        Self {
            entries: Cache::builder().max_capacity(capacity).time_to_live(ttl).build(),
            follower,
            max_staleness,
            ttl,
            latest: AtomicU64::new(0),
            versions: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            bucket_hasher: RandomState::new(),
            lookups: AtomicU64::new(0),
        }
    }

    pub(super) const fn max_staleness(&self) -> Duration {
        self.max_staleness
    }

    pub(super) fn get(&self, key: &SessionLookup) -> Option<Hit> {
        if !self.catch_up() {
            return None;
        }
        let CacheEntry { view, start, is_renewable } = self.entries.get(key)?;
        if !self.is_fresh(&view, start) {
            return None;
        }
        let is_old = start.instant.elapsed() >= self.renewal_age(start);
        let needs_renewal = is_old && is_renewable.swap(false, Ordering::Relaxed);
        Some(Hit { view, needs_renewal })
    }

    /// Starts a lookup. Call it before querying the store.
    pub(super) fn start_lookup(&self) -> LookupStart {
        LookupStart {
            instant: Instant::now(),
            version: self.latest.load(Ordering::SeqCst),
            number: self.lookups.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(super) fn insert(&self, key: SessionLookup, view: SessionView, start: LookupStart) {
        if self.catch_up() && self.is_fresh(&view, start) {
            let is_renewable = Arc::new(AtomicBool::new(true));
            self.entries.insert(key, CacheEntry { view, start, is_renewable });
        }
    }

    /// Invalidates entries. Call it after the store has committed, and before the caller learns it.
    pub(super) fn invalidate(&self, invalidation: Invalidation) {
        let version = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(bucket) = self.bucket(invalidation) {
            bucket.fetch_max(version, Ordering::SeqCst);
        }
    }

    /// Returns whether what a lookup found has not changed since, as far as is known by now.
    pub(super) fn is_unchanged(&self, view: &SessionView, start: LookupStart) -> bool {
        self.catch_up();
        self.is_valid(view, start)
    }

    fn is_fresh(&self, view: &SessionView, start: LookupStart) -> bool {
        start.instant.elapsed() < self.ttl && self.is_valid(view, start)
    }

    fn is_valid(&self, view: &SessionView, start: LookupStart) -> bool {
        let is_valid = |invalidation| {
            let bucket = self.bucket(invalidation);
            bucket.is_some_and(|bucket| bucket.load(Ordering::SeqCst) <= start.version)
        };
        is_valid(Invalidation::All)
            && is_valid(Invalidation::User(view.account.id))
            && is_valid(Invalidation::Session(view.session.id))
    }

    /// Applies what others have changed. Returns whether the cache may be used.
    fn catch_up(&self) -> bool {
        self.follower.catch_up(|invalidation| self.invalidate(invalidation))
    }

    /// Returns the age at which an entry is renewed: half to 90 % of the TTL, so that entries of
    /// the same time do not expire at the same time.
    fn renewal_age(&self, start: LookupStart) -> Duration {
        let percent = self.bucket_hasher.hash_one(start.number) % 41;
        self.ttl / 100 * u32::try_from(50 + percent).unwrap_or(50)
    }

    fn bucket(&self, invalidation: Invalidation) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.bucket_hasher.hash_one(invalidation) % BUCKETS as u64);
        self.versions.get(hash.ok()?)
    }
}

impl LookupStart {
    pub(super) const fn instant(self) -> Instant {
        self.instant
    }

    /// Returns whether both are the start of one lookup.
    pub(super) const fn is_same(self, other: Self) -> bool {
        self.number == other.number
    }
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCache")
            .field("sessions", &self.entries.entry_count())
            .field("max_staleness", &self.max_staleness)
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
            let cache = SessionCache::new(10, HOUR, None);
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
        let cache = SessionCache::new(10, HOUR, None);
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
        let cache = SessionCache::new(10, Duration::ZERO, None);
        cache.insert(KEY, view(), cache.start_lookup());
        assert!(cache.get(&KEY).is_none());
    }

    /// Of many entries from one instant, some are renewed early and some late, and each by one
    /// request.
    #[test]
    fn renewals_are_spread() {
        let cache = SessionCache::new(1000, Duration::from_secs(400), None);
        let ages: Vec<_> =
            (0..1000).map(|_| cache.renewal_age(cache.start_lookup()).as_secs()).collect();
        assert!(ages.iter().all(|age| (200..=360).contains(age)), "{ages:?}");
        assert!(ages.iter().any(|age| *age < 220) && ages.iter().any(|age| *age > 340));
        let start = cache.start_lookup();
        let old = Instant::now().checked_sub(Duration::from_secs(361)).unwrap();
        cache.insert(KEY, view(), LookupStart { instant: old, ..start });
        assert!(cache.get(&KEY).is_some_and(|hit| hit.needs_renewal));
        assert!(cache.get(&KEY).is_some_and(|hit| !hit.needs_renewal));
        cache.insert(KEY, view(), cache.start_lookup());
        assert!(cache.get(&KEY).is_some_and(|hit| !hit.needs_renewal));
    }
}
