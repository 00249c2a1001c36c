//! Streams without a body: checks, ends, and the tasks of a registry.

use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use super::*;

/// Long before a check of the default lease is due.
const PROMPTLY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn stream_is_checked_right_after_it_was_opened() {
    let fixture = Fixture::new(Some(StreamDecision::End(ENDED)), StreamSettings::default());
    assert_eq!(fixture.watch(1).ended().await, ENDED);
}

#[tokio::test]
async fn streams_with_one_key_share_the_check() {
    let fixture = Fixture::allowing();
    let watches = [fixture.watch(1), fixture.watch(1), fixture.watch(2)];
    for watch in &watches {
        watch.open().unwrap();
    }
    fixture.wait_for_checks(2).await;
    let mut checks = fixture.script.checks.lock().unwrap().clone();
    checks.sort_unstable();
    assert_eq!(checks, [1, 2]);
    fixture.decide(StreamDecision::End(ENDED));
    fixture.registry.check_principal(&"alice");
    for watch in &watches {
        assert_eq!(watch.ended().await, ENDED);
    }
    let mut ends = fixture.script.ends.lock().unwrap().clone();
    ends.sort_by_key(|(_, streams)| *streams);
    assert_eq!(ends, [(ENDED, 1), (ENDED, 2)]);
}

#[tokio::test]
async fn unmet_condition_of_a_layer_ends_the_stream() {
    let fixture = Fixture::allowing();
    let is_met = Arc::new(AtomicBool::new(true));
    let require = |watch: &StreamWatch| {
        let is_met = Arc::clone(&is_met);
        watch.require(move || {
            let is_met = is_met.load(Ordering::SeqCst);
            ready(if is_met { ALLOW } else { StreamDecision::End(ENDED) })
        });
    };
    let [before, after, free] = [fixture.watch(1), fixture.watch(1), fixture.watch(1)];
    require(&before);
    for watch in [&before, &after, &free] {
        watch.open().unwrap();
    }
    require(&after);
    fixture.wait_for_checks(1).await;
    fixture.registry.check_principal(&"alice");
    fixture.wait_for_checks(2).await;
    assert_eq!(before.try_ended(), None);
    is_met.store(false, Ordering::SeqCst);
    fixture.registry.check_principal(&"alice");
    for watch in [before, after] {
        assert_eq!(watch.ended().await, ENDED);
    }
    assert_eq!(free.try_ended(), None);
}

#[tokio::test]
async fn condition_that_hangs_or_panics_ends_its_own_stream_only() {
    let lease = StreamSettings::default().with_lease(Duration::from_secs(4)).unwrap();
    let fixture = Fixture::new(Some(ALLOW), lease);
    let [free, hanging, panicking, met, unmet] = [(); 5].map(|()| fixture.watch(1));
    hanging.require(std::future::pending);
    panicking.require(|| -> Ready<StreamDecision> { panic!("on purpose") });
    met.require(|| ready(ALLOW));
    unmet.require(|| ready(StreamDecision::End(ENDED)));
    for watch in [&free, &hanging, &panicking, &met, &unmet] {
        watch.open().unwrap();
    }
    assert_eq!(unmet.ended().await, ENDED);
    assert_eq!(hanging.try_ended(), None, "nothing waits for it");
    for watch in [hanging, panicking] {
        assert_eq!(watch.ended().await, StreamEnd::UNAVAILABLE);
    }
    assert_eq!((free.try_ended(), met.try_ended()), (None, None));
}

/// A check that started before a stream was opened does not count as its check.

#[tokio::test]
async fn check_in_progress_is_repeated_for_a_new_stream() {
    let fixture = Fixture::new(None, StreamSettings::default());
    let first = fixture.watch(1);
    first.open().unwrap();
    fixture.wait_for_checks(1).await;
    let second = fixture.watch(1);
    second.open().unwrap();
    fixture.decide(ALLOW);
    fixture.wait_for_checks(2).await;
    assert_eq!(*fixture.script.checks.lock().unwrap(), [1, 2]);
    assert_eq!((first.try_ended(), second.try_ended()), (None, None));
}

#[tokio::test]
async fn shutdown_ends_streams_and_rejects_further_ones() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    watch.open().unwrap();
    assert_eq!(fixture.registry.shut_down(), 1);
    assert_eq!(watch.ended().await, StreamEnd::SERVER_SHUTDOWN);
    assert_eq!(fixture.watch(2).open(), Err(StreamEnd::SERVER_SHUTDOWN));
}

#[test]
fn stream_needs_a_runtime() {
    assert_eq!(Fixture::allowing().watch(1).open(), Err(StreamEnd::UNAVAILABLE));
}

/// The tasks end with their runtime, and start again on another.

#[test]
fn streams_are_checked_on_a_later_runtime() {
    let fixture = Fixture::allowing();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime().block_on(async { fixture.watch(1).open() }).unwrap();
    fixture.decide(StreamDecision::End(ENDED));
    assert_eq!(runtime().block_on(async { fixture.watch(1).ended().await }), ENDED);
}

/// A runtime that ends takes the sweeper with it, and a check in progress.
#[test]
fn streams_end_with_the_runtime_of_their_sweeper() {
    let fixture = Fixture::new(None, StreamSettings::default());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = fixture.watch(1);
    runtime().block_on(async {
        first.open().unwrap();
        fixture.wait_for_checks(1).await;
    });
    assert_eq!(first.try_ended(), Some(StreamEnd::UNAVAILABLE));
    fixture.decide(StreamDecision::End(ENDED));
    let second = async { tokio::time::timeout(PROMPTLY, fixture.watch(1).ended()).await };
    assert_eq!(runtime().block_on(second), Ok(ENDED));
}

#[test]
fn runtime_without_a_timer_opens_no_stream() {
    let fixture = Fixture::allowing();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened = runtime.block_on(async { fixture.watch(1).open() });
    assert_eq!(opened, Err(StreamEnd::UNAVAILABLE));
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn check_that_hangs_does_not_delay_others() {
    let fixture = Fixture::new(Some(StreamDecision::End(ENDED)), StreamSettings::default());
    let hanging = fixture.watch(HANGING);
    hanging.open().unwrap();
    fixture.wait_for_checks(1).await;
    let end = tokio::time::timeout(PROMPTLY, fixture.watch(1).ended()).await;
    assert_eq!(end, Ok(ENDED));
    assert_eq!(hanging.try_ended(), None);
}

/// Many futures of one watch, one after the other, take one place.

#[tokio::test]
async fn places_of_waiters_are_reused() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut first = watch.ended();
    assert!(Pin::new(&mut first).poll(&mut context).is_pending());
    for _ in 0..100 {
        assert!(Pin::new(&mut watch.ended()).poll(&mut context).is_pending());
    }
    assert_eq!(watch.places(), 2);
    let waiting = tokio::spawn(first);
    tokio::task::yield_now().await;
    fixture.registry.end(&"alice", &1, ENDED);
    assert_eq!(waiting.await.unwrap(), ENDED);
}

#[tokio::test]
async fn dropping_the_last_stream_ends_the_tasks_of_a_registry() {
    let fixture = Fixture::allowing();
    let (weak, watch) = (fixture.registry.downgrade(), fixture.watch(1));
    watch.open().unwrap();
    fixture.wait_for_checks(1).await;
    drop(fixture);
    assert!(weak.upgrade().is_some(), "it has a stream");
    drop(watch);
    let ended = async {
        while weak.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}

#[tokio::test]
async fn future_runs_until_the_end() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    assert_eq!(watch.run_until_ended(async { 7 }).await, Ok(7));
    let endless = tokio::spawn(async move {
        let forever = std::future::pending::<()>();
        watch.run_until_ended(forever).await
    });
    fixture.wait_for_checks(1).await;
    fixture.registry.end(&"alice", &1, ENDED);
    assert_eq!(endless.await.unwrap(), Err(ENDED));
}

#[tokio::test]
async fn future_is_not_polled_while_the_stream_is_suspended() {
    let fixture = Fixture::new(None, StreamSettings::default());
    *fixture.script.valid_for.lock().unwrap() = Some(Duration::ZERO);
    let watch = fixture.watch(1);
    let mut polled = pin!(watch.run_until_ended(async { 7 }));
    assert!(polled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    fixture.wait_for_checks(1).await;
    fixture.decide(ALLOW);
    assert_eq!(polled.await, Ok(7));
}
