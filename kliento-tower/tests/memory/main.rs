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
use kliento::{Period, Token};
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
    let world = MockEnvironment::new(hour()).unwrap();
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(kliento_tower::TrustAnchors::new(world.trust_anchors().unwrap()))
        .with_clock(FixedClock(hour().start()))
        .with_cache(cache.clone())
        .with_signature_cache(signature_cache.clone());
    (world.organisation("example.com").unwrap().member("alice").unwrap(), layer)
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
    let (mut most, mut most_signatures) = (0, 0);
    for number in 0..BUNDLES {
        let claim = format!("{number:CLAIM$}");
        let token = Token::new(AUDIENCE).with_claim("claim", &claim);
        let bundle = credentials(sign(&alice, &token, hour()));
        let identity = send(&layer, &bundle).await.unwrap();
        assert_eq!(identity.claim("claim"), Some(claim.as_str()));
        most = most.max(usize::try_from(cache.len()).unwrap());
        most_signatures = most_signatures.max(signature_cache.len());
    }
    // It is made use of, and not exceeded.
    assert!((OCTETS / CLAIM / 2..=OCTETS / CLAIM).contains(&most), "{most} bundles at a time");
    assert!((SIGNATURES / 2..=SIGNATURES).contains(&most_signatures), "{most_signatures}");
}

/// A thousand bundles of the usual size need more than the cache has.
#[tokio::test]
async fn small_bundles_are_weighed_by_size() {
    const OCTETS: usize = 64 * 1024;
    /// The size of a map entry without the bundle.
    const LEAST: usize = 256;
    let cache = BundleCache::new(OCTETS as u64);
    let (alice, layer) = fixture(&cache, &SignatureCache::default());
    for number in 0..400 {
        let token = Token::new(AUDIENCE).with_claim("number", number.to_string());
        send(&layer, &credentials(sign(&alice, &token, hour()))).await.unwrap();
    }
    let bundles = usize::try_from(cache.len()).unwrap();
    assert!((1..=OCTETS / LEAST).contains(&bundles), "{bundles} bundles");
}

/// Rejected credentials are not cached, whether malformed or invalid.
#[tokio::test]
async fn garbage_is_not_cached() {
    let (cache, signature_cache) = (BundleCache::default(), SignatureCache::default());
    let (alice, layer) = fixture(&cache, &signature_cache);
    let others = sign(&alice, &Token::new("https://api.example.net"), hour());
    let mut rng = Rng::with_seed(20_261_122);
    for _ in 0..5_000 {
        let octets = garbage(&others, &mut rng);
        let value = format!("Kliento {}", STANDARD.encode(octets));
        let rejected = send(&layer, &HeaderValue::try_from(value).unwrap()).await;
        assert_eq!(rejected.unwrap_err().status(), 401);
    }
    assert!(cache.is_empty() && signature_cache.is_empty(), "{cache:?} {signature_cache:?}");
}

/// Returns a bundle for another audience with an altered octet, or random octets.
fn garbage(others: &[u8], rng: &mut Rng) -> Vec<u8> {
    if rng.bool() {
        let length = rng.usize(..2_000);
        return std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
    }
    let mut octets = others.to_vec();
    let index = rng.usize(..octets.len());
    octets[index] ^= rng.u8(1..);
    octets
}
