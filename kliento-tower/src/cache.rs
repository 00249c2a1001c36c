//! The bundles that were verified, each for as long as it holds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kliento::{MAX_BUNDLE_OCTETS, Timestamp};
use moka::Expiry;
use moka::sync::Cache;

use crate::WorkloadIdentity;
use crate::recent::Recent;

/// The most octets that credentials take.
const MAX_CREDENTIALS: u64 = (MAX_BUNDLE_OCTETS.div_ceil(3) * 4) as u64;

/// A digest of what was presented, of what it was verified for, and from which trust anchors.
pub(crate) type BundleKey = [u8; 32];

/// The bundles that were verified, so that a request with a known one costs a look-up.
///
/// Only what verified is in it, under a keyed BLAKE3 digest of the credentials, the audiences, the
/// limits and the trust anchors: layers of any configuration can share one cache. An entry lives
/// until its bundle stops holding, which is compared with the clock at every hit. The credentials
/// that are presented again and again (256 of them by default) are kept as they are, so that
/// not even a digest is needed; they are wiped when others take their place.
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
    bundles: Cache<BundleKey, Entry>,
    pub(crate) recent: Arc<Recent>,
}

#[derive(Clone)]
struct Entry {
    identity: WorkloadIdentity,
    /// From when it is remembered.
    lifetime: Duration,
}

impl BundleCache {
    /// How many octets a layer's cache may take by default: 32 MiB, some 20,000 bundles.
    pub const DEFAULT_OCTETS: u64 = 32 * 1024 * 1024;

    /// What the map takes for an entry beside the identity, about.
    const ENTRY_OCTETS: usize = 512;

    /// The most recent credentials that are kept.
    const MAX_RECENT: u64 = 256;

    /// A cache that takes at most about so many octets; 0 remembers nothing.
    ///
    /// A quarter of them is for credentials.
    #[must_use]
    pub fn new(octets: u64) -> Self {
        let slots = (octets / 4 / MAX_CREDENTIALS).min(Self::MAX_RECENT);
        let recent = Arc::new(Recent::new(usize::try_from(slots).unwrap_or(0)));
        let weigh = |_: &BundleKey, entry: &Entry| {
            u32::try_from(entry.identity.octets() + Self::ENTRY_OCTETS).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(octets - slots * MAX_CREDENTIALS).weigher(weigh);
        Self { bundles: cache.expire_after(Lifetime).build(), recent }
    }

    /// How many bundles are remembered, about.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bundles.run_pending_tasks();
        self.bundles.entry_count()
    }

    /// Whether no bundle is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all bundles, so that each is verified anew.
    pub fn clear(&self) {
        self.bundles.invalidate_all();
        self.recent.clear();
    }

    /// Who presented this, if it is known and holds now.
    pub(crate) fn get(&self, key: &BundleKey, now: Timestamp) -> Option<WorkloadIdentity> {
        let identity = self.bundles.get(key)?.identity;
        if identity.period().contains(now) {
            return Some(identity);
        }
        if identity.valid_until() < now {
            // Were the clock to go backwards, it must not come back.
            self.bundles.invalidate(key);
        }
        None
    }

    pub(crate) fn insert(&self, key: BundleKey, identity: WorkloadIdentity, now: Timestamp) {
        let left = identity.valid_until().as_millisecond() - now.as_millisecond();
        let lifetime = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        self.bundles.insert(key, Entry { identity, lifetime });
    }
}

impl Default for BundleCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_OCTETS)
    }
}

impl fmt::Debug for BundleCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleCache")
            .field("len", &self.bundles.entry_count())
            .finish_non_exhaustive()
    }
}

/// Lets go of entries that nobody asks for any more.
struct Lifetime;

impl Expiry<BundleKey, Entry> for Lifetime {
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
