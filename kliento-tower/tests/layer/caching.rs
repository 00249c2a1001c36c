//! What the layer caches, and until when.

use std::sync::Arc;
use std::sync::Mutex;

use http::StatusCode;
use kliento_core::Timestamp;
use kliento_tower::{
    BundleCache, Clock, KlientoAuthLayer, SignatureCache, TrustAnchorError, TrustAnchorStore,
    TrustAnchors,
};

use crate::bundle::{authorization, layer, request, send, tampered, trust_anchors};

/// A clock that the test sets.
#[derive(Clone)]
struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    fn new(at: &str) -> Self {
        Self(Arc::new(Mutex::new(at.parse().unwrap())))
    }

    fn set(&self, at: &str) {
        *self.0.lock().unwrap() = at.parse().unwrap();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Option<Timestamp> {
        Some(*self.0.lock().unwrap())
    }
}

async fn status(layer: &KlientoAuthLayer) -> StatusCode {
    send(layer, request(&[&authorization()])).await.status()
}

#[tokio::test]
async fn cached_bundle_expires_with_its_period() {
    let clock = ManualClock::new("2026-11-22T18:03:00Z");
    let cache = BundleCache::default();
    let layer = layer().with_clock(clock.clone()).with_cache(cache.clone());
    assert_eq!(status(&layer).await, StatusCode::OK);
    assert_eq!(cache.len(), 1);
    clock.set("2026-11-22T18:58:00Z");
    assert_eq!(status(&layer).await, StatusCode::OK);
    clock.set("2026-11-22T18:58:00.001Z");
    assert_eq!(status(&layer).await, StatusCode::UNAUTHORIZED);
    assert!(cache.is_empty());
    // The clock is set back: the bundle is verified again, since it is valid again.
    clock.set("2026-11-22T18:03:00Z");
    assert_eq!(status(&layer).await, StatusCode::OK);
    clock.set("2026-11-22T17:00:00Z");
    assert_eq!(status(&layer).await, StatusCode::UNAUTHORIZED);
}

/// Anchors that the test replaces.
#[derive(Clone)]
struct Replaceable(Arc<Mutex<TrustAnchors>>);

#[async_trait::async_trait]
impl TrustAnchorStore for Replaceable {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn swapped_anchors_apply_to_the_next_request() {
    let store = Replaceable(Arc::new(Mutex::new(trust_anchors())));
    let layer = layer().with_trust_anchors(store.clone());
    for (anchors, expected) in [
        (trust_anchors(), StatusCode::OK),
        (TrustAnchors::iana(), StatusCode::UNAUTHORIZED),
        (trust_anchors(), StatusCode::OK),
        (TrustAnchors::new([]), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        *store.0.lock().unwrap() = anchors;
        assert_eq!(status(&layer).await, expected);
    }
}

#[tokio::test]
async fn caches_can_be_disabled() {
    let (cache, signature_cache) = (BundleCache::new(0), SignatureCache::new(0));
    let layer = layer().with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    for _ in 0..3 {
        assert_eq!(status(&layer).await, StatusCode::OK);
    }
    assert!(cache.is_empty() && signature_cache.is_empty());
}

#[tokio::test]
async fn caches_can_be_unbounded() {
    let (cache, signature_cache) = (BundleCache::new(u64::MAX), SignatureCache::new(usize::MAX));
    let layer = layer().with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    for _ in 0..3 {
        assert_eq!(status(&layer).await, StatusCode::OK);
    }
    assert_eq!((cache.len(), signature_cache.len()), (1, 9));
}

#[tokio::test]
async fn rejected_bundle_is_not_cached() {
    let (cache, signature_cache) = (BundleCache::default(), SignatureCache::default());
    let layer = layer().with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    let response = send(&layer, request(&[&tampered()])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(cache.is_empty() && signature_cache.is_empty());
    assert_eq!(status(&layer).await, StatusCode::OK);
    assert_eq!((cache.len(), signature_cache.len()), (1, 9));
}
