//! The caches stay within their bounds for all kinds of bundles.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod forgery;
#[path = "../mock/mod.rs"]
mod mock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use http::HeaderValue;
use kliento_core::{Period, Token};
use kliento_tower::{BundleCache, FixedClock, KlientoAuthLayer, SignatureCache};
use veraid::testing::{MockEnvironment, MockMember};

use mock::exchange::send;
use mock::{credentials, period, sign};

const AUDIENCE: &str = "https://api.example.com";

fn hour() -> Period {
    period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z")
}

/// Returns a member, and a layer with these caches.
fn fixture(
    cache: &BundleCache,
    signature_cache: &SignatureCache,
) -> (MockMember, KlientoAuthLayer) {
    let environment = MockEnvironment::new(hour()).unwrap();
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(kliento_tower::TrustAnchors::new(environment.trust_anchors().unwrap()))
        .with_clock(FixedClock(hour().start()))
        .with_cache(cache.clone())
        .with_signature_cache(signature_cache.clone());
    (environment.organisation("example.com").unwrap().member("alice").unwrap(), layer)
}

/// Large tokens, so that few of them fill the cache and each one evicts others.
#[tokio::test]
async fn different_bundles_stay_within_the_cache_size() {
    const OCTETS: usize = 64 * 1024;
    const CLAIM: usize = 4_000;
    const SIGNATURES: usize = 32;
    const BUNDLES: usize = 200;
    let (cache, signature_cache) =
        (BundleCache::new(OCTETS as u64), SignatureCache::new(SIGNATURES));
    let (alice, layer) = fixture(&cache, &signature_cache);
    let (mut max_bundles, mut max_signatures) = (0, 0);
    for number in 0..BUNDLES {
        let claim = format!("{number:CLAIM$}");
        let token = Token::new(AUDIENCE).with_claim("claim", &claim);
        let bundle = credentials(sign(&alice, &token, hour()));
        let identity = send(&layer, &bundle).await.unwrap();
        assert_eq!(identity.claim("claim"), Some(claim.as_str()));
        max_bundles = max_bundles.max(usize::try_from(cache.len()).unwrap());
        max_signatures = max_signatures.max(signature_cache.len());
    }
    // The capacity is used, and not exceeded.
    assert!(
        (OCTETS / CLAIM / 2..=OCTETS / CLAIM).contains(&max_bundles),
        "{max_bundles} bundles at a time"
    );
    assert!((SIGNATURES / 2..=SIGNATURES).contains(&max_signatures), "{max_signatures}");
}

/// These bundles need more than the capacity of the cache.
#[tokio::test]
async fn small_bundles_are_weighed_by_size() {
    const OCTETS: usize = 64 * 1024;
    /// The size of a map entry without the bundle.
    const MIN_ENTRY_OCTETS: usize = 256;
    let cache = BundleCache::new(OCTETS as u64);
    let (alice, layer) = fixture(&cache, &SignatureCache::default());
    for number in 0..400 {
        let token = Token::new(AUDIENCE).with_claim("number", number.to_string());
        send(&layer, &credentials(sign(&alice, &token, hour()))).await.unwrap();
    }
    let bundles = usize::try_from(cache.len()).unwrap();
    assert!((1..=OCTETS / MIN_ENTRY_OCTETS).contains(&bundles), "{bundles} bundles");
}

/// Rejected credentials are not cached, whether malformed or invalid.
#[tokio::test]
async fn garbage_is_not_cached() {
    let (cache, signature_cache) = (BundleCache::default(), SignatureCache::default());
    let (alice, layer) = fixture(&cache, &signature_cache);
    let other = sign(&alice, &Token::new("https://api.example.net"), hour());
    let mut rng = Rng::with_seed(20_261_122);
    for _ in 0..5_000 {
        let octets = garbage(&other, &mut rng);
        let value = format!("Kliento {}", STANDARD.encode(octets));
        let rejected = send(&layer, &HeaderValue::try_from(value).unwrap()).await;
        assert_eq!(rejected.unwrap_err().status(), 401);
    }
    assert!(cache.is_empty() && signature_cache.is_empty(), "{cache:?} {signature_cache:?}");
}

/// Returns a bundle for another audience with an altered octet, or random octets.
fn garbage(other: &[u8], rng: &mut Rng) -> Vec<u8> {
    if rng.bool() {
        let length = rng.usize(..2_000);
        return std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
    }
    let mut octets = other.to_vec();
    let index = rng.usize(..octets.len());
    octets[index] ^= rng.u8(1..);
    octets
}
