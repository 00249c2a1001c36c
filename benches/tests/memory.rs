//! The caches stay within their bounds when they receive more than fits.
#![allow(clippy::panic, reason = "a test may end by a panic")]

use benches::{Bundle, Caller, Variants};
use kliento_tower::{BundleCache, SignatureCache};

const OCTETS: u64 = 1024 * 1024;
/// The weight of an entry without its identity.
const MIN_ENTRY: u64 = 512;
const BUNDLES: u64 = 3_000;

#[test]
fn cache_stays_within_its_bound_and_garbage_evicts_nothing() {
    const { assert!(BUNDLES > OCTETS / MIN_ENTRY, "nothing would be evicted") };
    let (cache, signature_cache) = (BundleCache::new(OCTETS), SignatureCache::default());
    let variants = Variants::of(Bundle::reference("member-user"));
    let layer = variants.bundle().layer();
    let layer = layer.with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    let mut caller = Caller::new(&layer);
    let mut is_accepted = |request| caller.call(request).status().is_success();

    assert!(is_accepted(variants.good(0)));
    let signatures = signature_cache.len();
    assert!((1..BUNDLES).all(|count| is_accepted(variants.good(count))));
    let cached = cache.len();
    assert!((1..=OCTETS / MIN_ENTRY).contains(&cached), "{cached}");
    // All have the same signatures.
    assert_eq!(signature_cache.len(), signatures);

    for count in 0..BUNDLES {
        assert!(!is_accepted(variants.forged(count)), "{count}");
        assert!(!is_accepted(variants.truncated(count)), "{count}");
    }
    assert_eq!((cache.len(), signature_cache.len()), (cached, signatures));
}
