//! The cache of verified bundles, each kept until it expires.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kliento_core::Timestamp;
use moka::Expiry;
use moka::sync::Cache;

use crate::WorkloadIdentity;

/// A digest of the credentials, the audiences, the bounds, the trust anchors and the generation of
/// the cache.
pub(crate) type BundleKey = [u8; 32];

/// A cache of verified bundles: a request with a cached one costs a digest and a lookup.
///
/// It contains only verified bundles. The key is a keyed BLAKE3 digest of the credentials, the
/// audiences, the bounds on tokens and the trust anchors, so layers of any configuration can share
/// one cache. An entry lives until its bundle expires, and each hit compares the bundle's validity
/// with the clock. The cache does not contain the credentials themselves.
///
/// ```
/// use kliento_tower::{BundleCache, KlientoAuthLayer};
///
/// let cache = BundleCache::new(1024 * 1024);
/// let read = KlientoAuthLayer::new("https://api.example.com/read").with_cache(cache.clone());
/// let write = KlientoAuthLayer::new("https://api.example.com/write").with_cache(cache);
/// ```
#[derive(Clone)]
pub struct BundleCache {
    entries: Cache<BundleKey, Entry>,
    /// How often the cache was cleared.
    generation: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Entry {
    identity: WorkloadIdentity,
    /// From its insertion to its expiry.
    lifetime: Duration,
}

impl BundleCache {
    /// The default size of a layer's cache: 32 MiB, enough for about 20,000 bundles.
    pub const DEFAULT_MAX_OCTETS: u64 = 32 * 1024 * 1024;

    /// The approximate size of a map entry without the identity.
    const ENTRY_OCTETS: usize = 512;

    /// Creates a cache of at most about this many octets. With 0, nothing is cached; a bundle takes
    /// about 1.5 KiB. With [`u64::MAX`], bundles leave the cache only when they expire.
    #[must_use]
    pub fn new(max_octets: u64) -> Self {
        let weigh = |_: &BundleKey, entry: &Entry| {
            u32::try_from(entry.identity.memory_size() + Self::ENTRY_OCTETS).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(max_octets).weigher(weigh);
        let entries = cache.expire_after(EntryExpiry).build();
        Self { entries, generation: Arc::default() }
    }

    /// Returns the approximate number of cached bundles.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.entry_count()
    }

    /// Returns `true` if no bundle is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all bundles, so that each is verified again.
    ///
    /// It covers verifications in progress, too: once it has returned, no result from before is
    /// used for a request.
    pub fn clear(&self) {
        // The key of an entry contains the generation. So an entry that is inserted late, by a
        // verification that started before, is never found.
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }

    /// Returns how often the cache was cleared.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Returns the identity for this key if it is cached and valid now.
    pub(crate) fn get(&self, key: &BundleKey, now: Timestamp) -> Option<WorkloadIdentity> {
        let identity = self.entries.get(key)?.identity;
        if identity.period().contains(now) {
            return Some(identity);
        }
        if identity.valid_until() < now {
            // Without this, it would be valid again if the clock were set back.
            self.entries.invalidate(key);
        }
        None
    }

    pub(crate) fn insert(&self, key: BundleKey, identity: WorkloadIdentity, now: Timestamp) {
        let left = now.duration_until(identity.valid_until());
        let lifetime = Duration::try_from(left).unwrap_or_default();
        self.entries.insert(key, Entry { identity, lifetime });
    }
}

impl Default for BundleCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_OCTETS)
    }
}

impl fmt::Debug for BundleCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleCache")
            .field("len", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}

/// Evicts expired entries that are not requested any more.
struct EntryExpiry;

impl Expiry<BundleKey, Entry> for EntryExpiry {
    fn expire_after_create(&self, _: &BundleKey, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &BundleKey,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.lifetime)
    }
}
