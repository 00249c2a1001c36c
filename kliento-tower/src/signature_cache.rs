//! A cache of verified signatures, so that signatures that bundles share are verified once.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use veraid::{CheckKey, StagedVerifier};

/// A cache of valid signatures.
///
/// A new bundle of an organisation with a cached chain costs only the signatures that are new.
/// Entries never expire: a signature does not depend on time, and periods are checked for each
/// bundle. Only the signatures of bundles that verified are inserted, so rejected bundles evict
/// nothing. A typical entry has 600 octets: the signature, its key and its message. One of more than
/// 1 KiB counts as one for each KiB, so the memory is bounded.
///
/// ```
/// use kliento_tower::{KlientoAuthLayer, SignatureCache};
///
/// let cache = SignatureCache::new(1_000);
/// let layer = KlientoAuthLayer::new("https://api.example.com").with_signature_cache(cache);
/// ```
#[derive(Clone)]
pub struct SignatureCache(Arc<Cache<CheckKey, (), Units>>);

/// Counts each entry by its memory.
#[derive(Clone)]
struct Units;

impl Weighter<CheckKey, ()> for Units {
    fn weight(&self, key: &CheckKey, (): &()) -> u64 {
        key.octets().div_ceil(1024).max(1) as u64
    }
}

impl SignatureCache {
    /// The default capacity: 10,000 signatures, typically 7 MB and at most 12 MB.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// Creates a cache of about `capacity` signatures. With 0, none is cached. With [`usize::MAX`],
    /// none ever leaves the cache, whose memory then grows with each new bundle.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Cache::with_weighter(capacity, capacity as u64, Units)))
    }

    /// Returns the approximate number of cached signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the cache is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a verifier for one bundle, which skips cached signatures.
    pub(crate) fn staged_verifier(&self) -> StagedVerifier<impl Fn(&CheckKey) -> bool> {
        StagedVerifier::with_cache(|key| self.0.get(key).is_some())
    }

    /// Inserts the signatures of a bundle that verified.
    pub(crate) fn commit(&self, staged: StagedVerifier<impl Fn(&CheckKey) -> bool>) {
        for key in staged.into_verified() {
            self.0.insert(key, ());
        }
    }
}

impl Default for SignatureCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCache").field("len", &self.len()).finish_non_exhaustive()
    }
}
