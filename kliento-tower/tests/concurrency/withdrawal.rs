//! Anchors that are withdrawn, and a cache that is cleared, while a request waits.

use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use kliento_tower::{
    BundleCache, Rejection, TrustAnchorError, TrustAnchorStore, TrustAnchors, clock_fn,
};
use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use crate::fixture::{BlockingClock, Fixture, call, finish, poll, verifications};
use crate::mock::exchange::Outcome;
use crate::occupied::Occupied;

/// Anchors that the test replaces, and whether `try_current` returns them.
#[derive(Clone)]
struct Replaceable {
    anchors: Arc<Mutex<TrustAnchors>>,
    is_ready: bool,
}

#[async_trait]
impl TrustAnchorStore for Replaceable {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.anchors.lock().unwrap().clone())
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        self.is_ready.then(|| self.anchors.lock().unwrap().clone())
    }
}

/// Returns the outcome of a request in the queue if the anchors are replaced meanwhile.
fn outcome_after(replacement: TrustAnchors, is_ready: bool) -> Outcome {
    let occupied = Occupied::new();
    let anchors = Arc::new(Mutex::new(occupied.fixture.trust_anchors()));
    let store = Replaceable { anchors: Arc::clone(&anchors), is_ready };
    let layer = occupied.layer.clone().with_trust_anchors(store);
    let mut queued = call(&layer, &occupied.fixture.credentials(1));
    assert!(poll(&mut queued).is_pending());
    *anchors.lock().unwrap() = replacement;
    occupied.release_permit();
    finish(queued)
}

#[test]
fn bundle_is_not_accepted_by_anchors_that_were_withdrawn_meanwhile() {
    for is_ready in [true, false] {
        let rejection = outcome_after(TrustAnchors::iana(), is_ready).unwrap_err();
        assert_eq!(rejection.reason(), "dnssec-keys-untrusted");
        let rejection = outcome_after(TrustAnchors::new([]), is_ready).unwrap_err();
        assert!(matches!(rejection, Rejection::TrustAnchorsUnavailable(_)), "{rejection:?}");
    }
}

/// The verification in progress must not put its result into the cleared cache either.
#[test]
fn bundle_is_verified_again_after_the_cache_is_cleared() {
    let (fixture, blocking_clock, recorder) =
        (Fixture::new(), BlockingClock::default(), DebuggingRecorder::new());
    let (clock, cache) = (blocking_clock.clone(), BundleCache::default());
    let layer = fixture.layer().with_clock(clock_fn(move || Some(clock.read())));
    let layer = layer.with_cache(cache.clone());
    let bundle = fixture.credentials(0);
    thread::scope(|scope| {
        let blocking_clock = blocking_clock;
        let first =
            scope.spawn(|| with_local_recorder(&recorder, || finish(call(&layer, &bundle))));
        blocking_clock.wait_until_blocked();
        cache.clear();
        blocking_clock.release();
        first.join().unwrap().unwrap();
    });
    assert_eq!(verifications(&recorder.snapshotter()), 2);
    for expected in [0, 1] {
        with_local_recorder(&recorder, || finish(call(&layer, &bundle)).unwrap());
        assert_eq!(verifications(&recorder.snapshotter()), expected);
        cache.clear();
    }
}

/// Each cache counts its generations apart, so one cannot tell whether a result is older than the
/// clearing of the other.
#[test]
fn layers_with_different_caches_do_not_share_verifications() {
    let (occupied, recorder) = (Occupied::with_queue_limit(2), DebuggingRecorder::new());
    let layers = [(); 2].map(|()| occupied.layer.clone().with_cache(BundleCache::default()));
    let bundle = occupied.fixture.credentials(1);
    let mut queued = layers.each_ref().map(|layer| call(layer, &bundle));
    assert!(queued.iter_mut().all(|request| poll(request).is_pending()));
    occupied.release_permit();
    with_local_recorder(&recorder, || queued.map(|request| finish(request).unwrap()));
    assert_eq!(verifications(&recorder.snapshotter()), 2);
}
