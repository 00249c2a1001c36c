//! First uses of one bundle: however many there are, one verification.

use std::sync::Barrier;
use std::thread;

use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use crate::mock::exchange::send;
use crate::stage::{Hold, Stage, call, finish, poll, verifications};

/// All of them are there while the bundle is verified, without a place to wait in the queue.
#[test]
fn a_thousand_wait_for_one_verification() {
    let (stage, hold, recorder) = (Stage::new(), Hold::default(), DebuggingRecorder::new());
    let clock = hold.clone();
    let layer = stage.layer().with_queue(0).with_clock(move || Some(clock.read()));
    let bundle = stage.credentials(0);
    thread::scope(|scope| {
        let hold = hold;
        let first =
            scope.spawn(|| with_local_recorder(&recorder, || finish(call(&layer, &bundle))));
        hold.reached();
        let mut others: Vec<_> = (1..1_000).map(|_| call(&layer, &bundle)).collect();
        for other in &mut others {
            assert!(poll(other).is_pending());
        }
        hold.release();
        let first = first.join().unwrap().unwrap();
        assert_eq!(verifications(&recorder.snapshotter()), 1);
        with_local_recorder(&recorder, || {
            for other in others {
                // The very same object, so nobody verified another one.
                assert!(std::ptr::eq(finish(other).unwrap().claims(), first.claims()));
            }
        });
    });
    assert_eq!(verifications(&recorder.snapshotter()), 0);
}

/// Many threads at the same time, each time with a new bundle, wherever they meet.
#[test]
fn threads_that_race_verify_once() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 100;
    let (stage, recorder) = (Stage::new(), DebuggingRecorder::new());
    let layer = stage.layer().with_concurrency(THREADS).with_queue(0);
    let bundles: Vec<_> = (0..ROUNDS).map(|round| stage.credentials(round)).collect();
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

/// It did not find the bundle, and comes to verify it when another one has done so and gone.
#[test]
fn who_comes_late_looks_again() {
    let (stage, recorder) = (Stage::new(), DebuggingRecorder::new());
    let (layer, bundle) = (stage.layer(), stage.credentials(0));
    let (late, early) = (call(&layer, &bundle), call(&layer, &bundle));
    let (early, late) = with_local_recorder(&recorder, || (finish(early), finish(late)));
    assert!(std::ptr::eq(early.unwrap().claims(), late.unwrap().claims()));
    assert_eq!(verifications(&recorder.snapshotter()), 1);
}
