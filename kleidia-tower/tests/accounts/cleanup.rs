//! `Cleanup`: the task that deletes expired rows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kleidia_tower::session::SessionLookup;
use kleidia_tower::store::{Cleanup, CleanupSettings, PurgeStore, Retention, Store, StoreError};
use kleidia_tower::{Clock, Timestamp, clock_fn};
use tokio::sync::Semaphore;

use super::{Service, later};

/// Fails a number of times at first, and counts calls and the deleted rows of each batch.
struct CountingStore {
    store: Arc<dyn Store>,
    failures: AtomicUsize,
    calls: AtomicUsize,
    removed: AtomicUsize,
    batches: Mutex<Vec<usize>>,
}

#[async_trait]
impl PurgeStore for CountingStore {
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
        self.batches.lock().unwrap().push(removed);
        Ok(removed)
    }
}

fn counting_store(service: &Service, failures: usize) -> Arc<CountingStore> {
    let store = Arc::clone(service.accounts.store());
    let (calls, removed, batches) = (0.into(), 0.into(), Mutex::default());
    Arc::new(CountingStore { store, failures: failures.into(), calls, removed, batches })
}

fn settings(interval: Duration) -> CleanupSettings {
    CleanupSettings::default().with_interval(interval).unwrap().with_batch_size(3).unwrap()
}

#[test]
fn batch_size_is_bounded() {
    for (rows, is_valid) in [(0, false), (1, true), (100_000, true), (100_001, false)] {
        let settings = CleanupSettings::default().with_batch_size(rows);
        assert_eq!(settings.is_ok(), is_valid, "{rows}");
    }
}

/// Returns a clock at whose time everything has expired.
fn much_later() -> impl Clock {
    clock_fn(|| Some(later(100 * 24 * 3600)))
}

async fn wait_until(is_done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn deletes_expired_rows_in_batches_without_delay() {
    let service = Service::new().await;
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(service.alice().await.session.session.id);
    }
    let store = counting_store(&service, 0);
    let interval = Duration::from_secs(3600);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    // A batch that is not full is the last one. A pause between batches would last for an hour.
    let batches = || store.batches.lock().unwrap().clone();
    wait_until(|| batches().last().is_some_and(|removed| *removed < 3)).await;
    cleanup.stop().await;
    let batches = batches();
    let (_, full) = batches.split_last().unwrap();
    // At most 3 of each of the three kinds.
    assert!(full.iter().all(|removed| (3..=9).contains(removed)), "{batches:?}");
    // 10 sessions, 10 refresh tokens, 10 devices, and the failures of the user and of the source.
    assert_eq!(batches.iter().sum::<usize>(), 32, "{batches:?}");
    for session in sessions {
        let found = service.accounts.store().session(SessionLookup::Id(session)).await.unwrap();
        assert!(found.is_none());
    }
    assert!(!service.records(None).await.is_empty());
}

#[tokio::test]
async fn retries_after_errors() {
    let service = Service::new().await;
    service.alice().await;
    let store = counting_store(&service, 3);
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.removed.load(Ordering::SeqCst) > 0).await;
    assert!(store.calls.load(Ordering::SeqCst) > 3);
    cleanup.stop().await;
}

#[tokio::test]
async fn failure_does_not_wait_for_the_interval() {
    let service = Service::new().await;
    service.alice().await;
    let store = counting_store(&service, 1);
    let interval = Duration::from_secs(24 * 3600);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    let health = cleanup.health_check();
    wait_until(|| store.removed.load(Ordering::SeqCst) > 0 && health().is_ok()).await;
    cleanup.stop().await;
}

#[tokio::test]
async fn keeps_rows_that_have_not_expired() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let store = counting_store(&service, 0);
    let interval = Duration::from_secs(3600);
    let cleanup =
        Cleanup::spawn(Arc::clone(&store) as _, clock_fn(|| Some(later(59))), settings(interval));
    wait_until(|| store.calls.load(Ordering::SeqCst) > 0).await;
    // Stopping does not wait for the interval.
    cleanup.stop().await;
    assert_eq!(store.removed.load(Ordering::SeqCst), 0);
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
}

#[tokio::test]
async fn deletes_nothing_while_the_clock_is_unavailable() {
    let service = Service::new().await;
    service.alice().await;
    let store = counting_store(&service, 0);
    let clock_reads = Arc::new(AtomicUsize::new(0));
    let clock = {
        let clock_reads = Arc::clone(&clock_reads);
        clock_fn(move || {
            clock_reads.fetch_add(1, Ordering::SeqCst);
            None
        })
    };
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, clock, settings(interval));
    wait_until(|| clock_reads.load(Ordering::SeqCst) > 2).await;
    cleanup.stop().await;
    assert_eq!(store.calls.load(Ordering::SeqCst), 0);
}

/// Always has more rows to delete, and waits for a permit per batch.
struct Endless {
    started: AtomicUsize,
    done: AtomicUsize,
    permits: Semaphore,
}

#[async_trait]
impl PurgeStore for Endless {
    async fn purge(&self, _: Timestamp, _: &Retention, limit: usize) -> Result<usize, StoreError> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let permit = self.permits.acquire().await.map_err(StoreError::unavailable)?;
        permit.forget();
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(limit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_waits_for_the_current_batch_only() {
    let (started, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = Arc::new(Endless { started, done, permits: Semaphore::new(2) });
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.started.load(Ordering::SeqCst) == 3).await;
    let mut stopping = Box::pin(cleanup.stop());
    assert!(futures_util::future::poll_immediate(&mut stopping).await.is_none());
    store.permits.add_permits(10);
    tokio::time::timeout(Duration::from_secs(60), stopping).await.unwrap();
    assert_eq!(store.done.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_stops_the_task() {
    let (started, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = Arc::new(Endless { started, done, permits: Semaphore::new(10_000_000) });
    let interval = Duration::from_millis(1);
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, much_later(), settings(interval));
    wait_until(|| store.done.load(Ordering::SeqCst) > 0).await;
    drop(cleanup);
    // The task holds the other reference.
    wait_until(|| Arc::strong_count(&store) == 1).await;
}
