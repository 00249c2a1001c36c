//! More bundles than the queue limit: only the excess is rejected with 503.

use std::task::Poll;
use std::thread;

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kliento_tower::{KlientoAuthLayer, Rejection, clock_fn};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{BlockingClock, Fixture, call, finish, poll};
use crate::mock::exchange::{Outcome, echo_extensions, request};

const QUEUE: usize = 16;
const BUNDLES: usize = 1_000;

#[test]
fn rejects_only_requests_beyond_the_queue_limit() {
    let (fixture, blocking_clock) = (Fixture::new(), BlockingClock::default());
    let clock = blocking_clock.clone();
    let layer = fixture
        .layer()
        .with_queue_limit(QUEUE)
        .unwrap()
        .with_clock(clock_fn(move || Some(clock.read())));
    let bundles: Vec<_> = (0..BUNDLES).map(|number| fixture.credentials(number)).collect();
    let first = call(&layer, &bundles[0]);
    let first = thread::spawn(|| finish(first));
    blocking_clock.wait_until_blocked();
    let (mut waiting, mut rejected) = (Vec::new(), 0);
    for (number, bundle) in bundles.iter().enumerate().skip(1) {
        let mut pending = call(&layer, bundle);
        match poll(&mut pending) {
            Poll::Pending => waiting.push((number, pending)),
            Poll::Ready(outcome) => {
                assert!(matches!(outcome, Err(Rejection::Busy)), "{outcome:?}");
                rejected += 1;
            }
        }
    }
    assert_eq!((waiting.len(), rejected), (QUEUE, BUNDLES - 1 - QUEUE));
    // The earliest requests wait.
    assert!(waiting.iter().map(|(number, _)| *number).eq(1..=QUEUE));
    assert_busy(&layer, &bundles[BUNDLES - 1]);
    blocking_clock.release();
    assert_eq!(number(first.join().unwrap()), 0);
    for (expected, pending) in waiting {
        assert_eq!(number(finish(pending)), expected);
    }
    for (expected, bundle) in bundles.iter().enumerate() {
        assert_eq!(number(finish(call(&layer, bundle))), expected);
    }
}

/// Returns the number of the bundle.
fn number(outcome: Outcome) -> usize {
    outcome.unwrap().claim("number").unwrap().parse().unwrap()
}

/// Checks the response that the client sees.
fn assert_busy(layer: &KlientoAuthLayer, bundle: &HeaderValue) {
    let service = layer.layer(service_fn(echo_extensions));
    let Ok(response) = finish(service.oneshot(request(bundle)));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(response.extensions().get::<Rejection>().unwrap().code(), "busy");
}
