//! The task that forgets what is over.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kleidia_tower::session::SessionLookup;
use kleidia_tower::store::{Cleanup, CleanupSettings, PurgeStore, Retention, Store, StoreError};
use kleidia_tower::{Clock, Timestamp, clock_fn};
use tokio::sync::Semaphore;

use super::{Service, later};

/// Fails at first, and notes how much was asked for and removed.
struct Observed {
    store: Arc<dyn Store>,
    failures: AtomicUsize,
    calls: AtomicUsize,
    removed: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl PurgeStore for Observed {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.failures.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("not yet"));
        }
        let removed = self.store.purge(now, retention, limit).await?;
        self.removed.fetch_add(removed, Ordering::SeqCst);
        self.most.fetch_max(removed, Ordering::SeqCst);
        Ok(removed)
    }
}

fn observed(service: &Service, failures: usize) -> Arc<Observed> {
    let store = Arc::clone(service.accounts.store());
    let [calls, removed, most] = [(); 3].map(|()| AtomicUsize::new(0));
    Arc::new(Observed { store, failures: failures.into(), calls, removed, most })
}

fn settings(interval: Duration) -> CleanupSettings {
    let batch_size = NonZeroUsize::new(3).unwrap();
    CleanupSettings::default().with_interval(interval).unwrap().with_batch_size(batch_size)
}

/// Long after everything is over.
fn much_later() -> impl Clock {
    clock_fn(|| Some(later(100 * 24 * 3600)))
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten_in_batches_at_once() {
    let service = Service::new().await;
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(service.alice().await.session.session.id);
    }
    let store = observed(&service, 0);
    let interval = Duration::from_secs(3600);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    // 10 sessions, 10 refresh tokens, and the failures of the user and of the source.
    wait_until(|| store.removed.load(Ordering::SeqCst) >= 22).await;
    cleanup.stop().await;
    for session in sessions {
        let found = service.accounts.store().session(SessionLookup::Id(session)).await.unwrap();
        assert!(found.is_none());
    }
    // At most 3 of each of the three kinds.
    assert!((3..=9).contains(&store.most.load(Ordering::SeqCst)));
    assert!(!service.records(None).await.is_empty());
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let service = Service::new().await;
    service.alice().await;
    let store = observed(&service, 3);
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.removed.load(Ordering::SeqCst) > 0).await;
    assert!(store.calls.load(Ordering::SeqCst) > 3);
    cleanup.stop().await;
}

#[tokio::test]
async fn nothing_is_forgotten_that_is_not_over() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let store = observed(&service, 0);
    let interval = Duration::from_secs(3600);
    let cleanup =
        Cleanup::spawn(Arc::clone(&store) as _, clock_fn(|| Some(later(60))), settings(interval));
    wait_until(|| store.calls.load(Ordering::SeqCst) > 0).await;
    // It does not wait for the hour to pass.
    cleanup.stop().await;
    assert_eq!(store.removed.load(Ordering::SeqCst), 0);
    assert_eq!(service.answer(&alice.access_token).await, "ok");
}

#[tokio::test]
async fn without_the_time_nothing_is_forgotten() {
    let service = Service::new().await;
    service.alice().await;
    let store = observed(&service, 0);
    let asked = Arc::new(AtomicUsize::new(0));
    let clock = {
        let asked = Arc::clone(&asked);
        clock_fn(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            None
        })
    };
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, clock, settings(interval));
    wait_until(|| asked.load(Ordering::SeqCst) > 2).await;
    cleanup.stop().await;
    assert_eq!(store.calls.load(Ordering::SeqCst), 0);
}

/// Never comes to an end of what there is, and waits to be let.
struct Endless {
    begun: AtomicUsize,
    done: AtomicUsize,
    lets: Semaphore,
}

#[async_trait]
impl PurgeStore for Endless {
    async fn purge(&self, _: Timestamp, _: &Retention, limit: usize) -> Result<usize, StoreError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let permit = self.lets.acquire().await.map_err(StoreError::unavailable)?;
        permit.forget();
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(limit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_the_batch_that_was_begun_and_for_no_other() {
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = Arc::new(Endless { begun, done, lets: Semaphore::new(2) });
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.begun.load(Ordering::SeqCst) == 3).await;
    let mut stopping = Box::pin(cleanup.stop());
    assert!(futures_util::future::poll_immediate(&mut stopping).await.is_none());
    store.lets.add_permits(10);
    tokio::time::timeout(Duration::from_secs(60), stopping).await.unwrap();
    assert_eq!(store.done.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drops_it_stops_it() {
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = Arc::new(Endless { begun, done, lets: Semaphore::new(10_000_000) });
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.done.load(Ordering::SeqCst) > 0).await;
    drop(cleanup);
    // The task has the other reference.
    wait_until(|| Arc::strong_count(&store) == 1).await;
}
