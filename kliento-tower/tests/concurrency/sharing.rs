//! Layers configured from clones share the limits and the single flight.

use std::task::Poll;
use std::time::Duration;

use kliento_tower::{CredentialPolicy, Rejection, TrustAnchors};

use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use crate::fixture::{call, finish, poll, verifications};
use crate::occupied::Occupied;

#[test]
fn reconfigured_clones_share_the_limiter() {
    let occupied = Occupied::new();
    let queued = occupied.call(1);
    for layer in [
        occupied.layer.clone().with_policy(CredentialPolicy::AllowMissing),
        occupied.layer.clone().with_audience("https://api.example.net"),
        occupied.layer.clone().with_max_validity(Duration::from_secs(1)).unwrap(),
        occupied.layer.clone().with_realm("example").with_authorizer(|_| true),
    ] {
        let polled = poll(&mut call(&layer, &occupied.fixture.credentials(2)));
        assert!(matches!(polled, Poll::Ready(Err(Rejection::Busy))), "{polled:?}");
    }
    occupied.release([queued]);
}

#[test]
fn new_limits_are_independent() {
    let occupied = Occupied::new();
    for layer in [
        occupied.layer.clone().with_concurrency_limit(1).unwrap(),
        occupied.layer.clone().with_queue_limit(0).unwrap(),
    ] {
        finish(call(&layer, &occupied.fixture.credentials(1))).unwrap();
    }
    occupied.release([]);
}

#[test]
fn reconfigured_clones_share_the_single_flight() {
    let occupied = Occupied::new();
    let (bundle, recorder) = (occupied.bundle.clone(), DebuggingRecorder::new());
    let layer = occupied.layer.clone().with_policy(CredentialPolicy::AllowMissing);
    let mut joined = call(&layer, &bundle);
    assert!(poll(&mut joined).is_pending());
    with_local_recorder(&recorder, || occupied.release([joined]));
    assert_eq!(verifications(&recorder.snapshotter()), 0, "it was that of the other request");
}

#[test]
fn decisions_are_not_shared_between_settings() {
    let occupied = Occupied::new();
    let bundle = occupied.bundle.clone();
    let layers = [
        occupied.layer.clone().with_max_validity(Duration::from_secs(1)).unwrap(),
        occupied.layer.clone().with_min_modulus_bits(4096).unwrap(),
        occupied.layer.clone().with_trust_anchors(TrustAnchors::iana()),
    ];
    // Each layer has to verify the bundle itself, and the queue is full.
    let queued = occupied.call(1);
    for layer in &layers {
        let polled = poll(&mut call(layer, &bundle));
        assert!(matches!(polled, Poll::Ready(Err(Rejection::Busy))), "{polled:?}");
    }
    occupied.release([queued]);
    for layer in &layers {
        assert!(matches!(finish(call(layer, &bundle)), Err(Rejection::InvalidCredentials(_))));
    }
}
