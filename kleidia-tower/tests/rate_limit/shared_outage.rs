//! Shared limits whose store fails, hangs, and returns.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::StatusCode;
use http::header::RETRY_AFTER;
use kleidia_tower::rate_limit::{
    Key, LimitDecision, LimitFallback, LimitKey, LimitStore, LimitStoreError, MemoryLimitStore,
    RateLimitLayer, SharedLimits,
};
use tracing::Level;

use crate::captured_log::CapturedLog;
use crate::fixture::{ManualClock, request, send};

/// A store that can fail or hang.
#[derive(Clone, Debug, Default)]
struct FaultyStore {
    store: Arc<MemoryLimitStore>,
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    max_running: Arc<AtomicUsize>,
}

/// Counts a call until it ends or is dropped.
struct RunningCall<'a>(&'a AtomicUsize);

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl LimitStore for FaultyStore {
    async fn charge(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_running.fetch_max(running, Ordering::SeqCst);
        let _running = RunningCall(&self.running);
        if self.hangs.load(Ordering::SeqCst) {
            return pending().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(LimitStoreError::new("no connection"));
        }
        self.store.charge(keys, cost).await
    }
}

impl FaultyStore {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

const NODES: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn limits(store: &FaultyStore, retry_interval: Duration) -> SharedLimits {
    let limits = SharedLimits::new(store.clone(), &vec![7; 32].into()).unwrap();
    limits.with_retry_interval(retry_interval).unwrap()
}

/// A limit of 10 per 100 seconds.
fn layer(limits: &SharedLimits) -> RateLimitLayer {
    let limiter = ManualClock::default().limiter("10/100");
    let layer = RateLimitLayer::new().with_limit(Key::address(), limiter);
    layer.with_shared_limits("requests", limits.clone()).with_rate_limit_headers()
}

async fn wait_for_health(limits: &SharedLimits, is_healthy: bool) {
    let check = limits.health_check();
    let deadline = Instant::now() + Duration::from_secs(30);
    while check().is_ok() != is_healthy {
        assert!(Instant::now() < deadline, "still {:?}", check());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn each_node_enforces_its_share_during_an_outage() {
    let store = FaultyStore::default();
    store.fails.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE).with_fallback(LimitFallback::Share { nodes: NODES });
    let layer = layer(&limits);
    for left in (0..5).rev() {
        let response = send(&layer, "192.0.2.1", "", 1).await;
        assert_eq!(response.status(), StatusCode::OK);
        let expected = format!("\"address\";r={left};t=20");
        assert_eq!(response.headers()["ratelimit"], expected.as_str());
    }
    let rejected = send(&layer, "192.0.2.1", "", 1).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()[RETRY_AFTER], "20", "the rate of one of two nodes");
    assert_eq!(send(&layer, "192.0.2.2", "", 1).await.status(), StatusCode::OK);
    let left = layer.peek(&request("192.0.2.2", "", 1)).await.unwrap();
    assert_eq!(left[0].1.count(), 4);
    assert_eq!(store.calls(), 1, "the circuit is open");
}

#[tokio::test]
async fn share_is_at_least_one_unit() {
    let store = FaultyStore::default();
    store.fails.store(true, Ordering::SeqCst);
    let nodes = NonZeroU32::MAX;
    let limits = limits(&store, MINUTE).with_fallback(LimitFallback::Share { nodes });
    let layer = layer(&limits);
    assert_eq!(send(&layer, "192.0.2.1", "", 1).await.status(), StatusCode::OK);
    let rejected = send(&layer, "192.0.2.1", "", 1).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn rejects_with_503_if_so_configured() {
    let store = FaultyStore::default();
    store.fails.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE).with_fallback(LimitFallback::Reject);
    let layer = layer(&limits);
    for _ in 0..3 {
        let rejected = send(&layer, "192.0.2.1", "", 1).await;
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(rejected.headers().contains_key(RETRY_AFTER));
    }
    assert!(layer.peek(&request("192.0.2.1", "", 1)).await.is_err());
    assert_eq!(store.calls(), 1);
}

#[tokio::test]
async fn slow_store_is_waited_for_once() {
    let store = FaultyStore::default();
    store.hangs.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE);
    let layer = layer(&limits);
    for _ in 0..5 {
        assert_eq!(send(&layer, "192.0.2.1", "", 1).await.status(), StatusCode::OK);
    }
    assert_eq!(store.calls(), 1);
    let failure = limits.health_check()().unwrap_err().to_string();
    assert_eq!(failure, "no response within 50ms");
}

#[tokio::test]
async fn probes_one_at_a_time_until_the_store_returns() {
    let store = FaultyStore::default();
    let limits = limits(&store, Duration::from_millis(50));
    let layer = layer(&limits);
    let health = limits.health_check();
    assert!(health().is_ok());
    for _ in 0..2 {
        store.hangs.store(true, Ordering::SeqCst);
        store.max_running.store(0, Ordering::SeqCst);
        send(&layer, "192.0.2.1", "", 1).await;
        assert!(health().is_err());
        let calls = store.calls();
        while store.calls() < calls + 3 {
            // Requests meanwhile do not reach the store.
            send(&layer, "192.0.2.2", "", 1).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(store.max_running.load(Ordering::SeqCst), 1);
        store.hangs.store(false, Ordering::SeqCst);
        wait_for_health(&limits, true).await;
    }
    // The charges of the outage are not in the store, and those before it are.
    let left = layer.peek(&request("192.0.2.1", "", 1)).await.unwrap();
    assert_eq!(left[0].1.count(), 10);
    send(&layer, "192.0.2.1", "", 1).await;
    assert_eq!(layer.peek(&request("192.0.2.1", "", 1)).await.unwrap()[0].1.count(), 9);
}

#[test]
fn outage_survives_the_runtime_that_noticed_it() {
    let store = FaultyStore::default();
    store.fails.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE);
    let layer = layer(&limits);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime().block_on(send(&layer, "192.0.2.1", "", 1));
    // The probe ended with its runtime, so another request has to find out.
    store.fails.store(false, Ordering::SeqCst);
    let second = runtime();
    second.block_on(send(&layer, "192.0.2.1", "", 1));
    assert_eq!(store.calls(), 2);
    assert!(limits.health_check()().is_ok());
}

#[tokio::test]
async fn dropped_requests_do_not_open_the_circuit() {
    let store = FaultyStore::default();
    store.hangs.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE).with_timeout(Duration::from_secs(10)).unwrap();
    let layer = layer(&limits);
    for calls in 1..10 {
        let request = send(&layer, "192.0.2.1", "", 1);
        let dropped = tokio::time::timeout(Duration::from_millis(1), request).await;
        assert!(dropped.is_err());
        assert_eq!((store.calls(), store.running.load(Ordering::SeqCst)), (calls, 0));
    }
    assert!(limits.health_check()().is_ok());
}

#[tokio::test]
async fn outage_is_one_event_at_its_start_and_one_at_its_end() {
    let (log, store) = (CapturedLog::default(), FaultyStore::default());
    let _guard = log.start(Level::INFO);
    let limits = limits(&store, Duration::from_millis(50));
    let layer = layer(&limits);
    store.fails.store(true, Ordering::SeqCst);
    while store.calls() < 4 {
        send(&layer, "192.0.2.1", "", 1).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.fails.store(false, Ordering::SeqCst);
    wait_for_health(&limits, true).await;
    let events: Vec<_> = log.take().lines().map(str::to_owned).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("ERROR") && events[0].contains("unavailable error=\"no connection"));
    assert!(events[1].contains("INFO") && events[1].contains("available duration_ms="));
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn failures_of_the_store_are_counted() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let store = FaultyStore::default();
    store.fails.store(true, Ordering::SeqCst);
    let limits = limits(&store, MINUTE);
    for _ in 0..3 {
        send(&layer(&limits), "192.0.2.1", "", 1).await;
    }
    let metrics = recorder.snapshotter().snapshot().into_vec();
    let found =
        metrics.iter().find(|(key, ..)| key.key().name() == "kleidia_limit_store_failures_total");
    assert_eq!(found.unwrap().3, DebugValue::Counter(1));
}
