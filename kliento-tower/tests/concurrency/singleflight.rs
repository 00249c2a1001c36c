//! Concurrent requests with the same new bundle: one verification.

use std::sync::Barrier;
use std::task::Poll;
use std::thread;

use kliento_tower::{Rejection, clock_fn};
use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use crate::fixture::{BlockingClock, Fixture, call, finish, poll, verifications};
use crate::mock::exchange::send;
use crate::occupied::Occupied;

/// All requests arrive during the verification, and fit the queue.
#[test]
fn thousand_requests_share_one_verification() {
    let (fixture, blocking_clock, recorder) =
        (Fixture::new(), BlockingClock::default(), DebuggingRecorder::new());
    let clock = blocking_clock.clone();
    let layer = fixture
        .layer()
        .with_queue_limit(999)
        .unwrap()
        .with_clock(clock_fn(move || Some(clock.read())));
    let bundle = fixture.credentials(0);
    thread::scope(|scope| {
        let blocking_clock = blocking_clock;
        let first =
            scope.spawn(|| with_local_recorder(&recorder, || finish(call(&layer, &bundle))));
        blocking_clock.wait_until_blocked();
        let mut others: Vec<_> = (1..1_000).map(|_| call(&layer, &bundle)).collect();
        for other in &mut others {
            assert!(poll(other).is_pending());
        }
        blocking_clock.release();
        let first = first.join().unwrap().unwrap();
        assert_eq!(verifications(&recorder.snapshotter()), 1);
        with_local_recorder(&recorder, || {
            for other in others {
                // The same allocation, so the bundle was verified once.
                assert!(std::ptr::eq(finish(other).unwrap().claims(), first.claims()));
            }
        });
    });
    assert_eq!(verifications(&recorder.snapshotter()), 0);
}

/// Each of them would hold memory and a ready service.
#[test]
fn waiters_for_one_bundle_are_bounded() {
    const QUEUE: usize = 16;
    let occupied = Occupied::with_queue_limit(QUEUE);
    let mut requests: Vec<_> =
        (0..1_000).map(|_| call(&occupied.layer, &occupied.bundle)).collect();
    let mut rejected = 0;
    requests.retain_mut(|request| match poll(request) {
        Poll::Pending => true,
        Poll::Ready(outcome) => {
            assert!(matches!(outcome, Err(Rejection::Busy)), "{outcome:?}");
            rejected += 1;
            false
        }
    });
    assert_eq!((requests.len(), rejected), (QUEUE, 1_000 - QUEUE));
    occupied.release(requests);
}

/// In each round, all threads send the same new bundle at the same time.
#[test]
fn racing_threads_verify_once() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 100;
    let (fixture, recorder) = (Fixture::new(), DebuggingRecorder::new());
    let layer =
        fixture.layer().with_concurrency_limit(THREADS).unwrap().with_queue_limit(0).unwrap();
    let bundles: Vec<_> = (0..ROUNDS).map(|round| fixture.credentials(round)).collect();
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    for bundle in &bundles {
                        start.wait();
                        finish(send(&layer, bundle)).unwrap();
                    }
                });
            });
        }
    });
    assert_eq!(verifications(&recorder.snapshotter()), ROUNDS as u64);
}

/// It misses the cache, and starts its verification after another request has completed it.
#[test]
fn late_request_checks_the_cache_again() {
    let (fixture, recorder) = (Fixture::new(), DebuggingRecorder::new());
    let (layer, bundle) = (fixture.layer(), fixture.credentials(0));
    let (late, early) = (call(&layer, &bundle), call(&layer, &bundle));
    let (early, late) = with_local_recorder(&recorder, || (finish(early), finish(late)));
    assert!(std::ptr::eq(early.unwrap().claims(), late.unwrap().claims()));
    assert_eq!(verifications(&recorder.snapshotter()), 1);
}
