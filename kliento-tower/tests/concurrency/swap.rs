//! Anchors that change under load: each decision is based on a set that was active meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use http::HeaderValue;
use kliento_tower::{KlientoAuthLayer, TrustAnchorError, TrustAnchorStore, TrustAnchors};

use crate::fixture::Fixture;
use crate::mock::exchange::send;

const SWAPS: usize = 2_000;
const TASKS: usize = 8;

/// Two sets, one of them active, and whether `try_current` returns it.
#[derive(Clone)]
struct Swapped {
    sets: [TrustAnchors; 2],
    /// The number of swaps, which determines the active set.
    swaps: Arc<RwLock<usize>>,
    is_ready: bool,
}

impl Swapped {
    fn set(&self) -> TrustAnchors {
        self.sets[*self.swaps.read().unwrap() % 2].clone()
    }
}

#[async_trait]
impl TrustAnchorStore for Swapped {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.set())
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        self.is_ready.then(|| self.set())
    }
}

/// A client, and its requests without and with a swap meanwhile.
#[derive(Clone)]
struct Client {
    store: Swapped,
    layer: KlientoAuthLayer,
    /// Each is valid under the set with the same index.
    bundles: [HeaderValue; 2],
    is_done: Arc<AtomicBool>,
    unswapped: Arc<AtomicUsize>,
    swapped: Arc<AtomicUsize>,
}

impl Client {
    fn new(is_ready: bool) -> Self {
        let fixtures = [Fixture::new(), Fixture::new()];
        let sets = [fixtures[0].trust_anchors(), fixtures[1].trust_anchors()];
        let store = Swapped { sets, swaps: Arc::default(), is_ready };
        Self {
            layer: fixtures[0].layer().with_trust_anchors(store.clone()),
            store,
            bundles: [fixtures[0].credentials(0), fixtures[1].credentials(1)],
            is_done: Arc::default(),
            unswapped: Arc::default(),
            swapped: Arc::default(),
        }
    }

    /// Sends a bundle. The decision must be that of a set that was active meanwhile.
    async fn send(&self, bundle: usize) {
        let before = *self.store.swaps.read().unwrap();
        let decision = send(&self.layer, &self.bundles[bundle]).await;
        let after = *self.store.swaps.read().unwrap();
        if before == after {
            let reason = decision.as_ref().err().map(kliento_tower::Rejection::reason);
            let expected = (before % 2 != bundle).then_some("dnssec-keys-untrusted");
            assert_eq!(reason, expected, "bundle {bundle} after {before} swaps");
            self.unswapped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.swapped.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn send_repeatedly(self, task: usize) {
        let mut bundle = task;
        while !self.is_done.load(Ordering::Relaxed) {
            bundle += 1;
            self.send(bundle % 2).await;
            tokio::task::yield_now().await;
        }
    }

    /// Swaps, and checks after each swap that it took effect. This is the only task that swaps.
    async fn swap(&self) {
        for _ in 0..SWAPS {
            *self.store.swaps.write().unwrap() += 1;
            self.send(0).await;
            self.send(1).await;
        }
        self.is_done.store(true, Ordering::Relaxed);
    }
}

async fn swap_under_load(is_ready: bool) {
    let client = Client::new(is_ready);
    let clients: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(client.clone().send_repeatedly(task))).collect();
    let swapper = client.clone();
    tokio::spawn(async move { swapper.swap().await }).await.unwrap();
    for client in clients {
        client.await.unwrap();
    }
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    assert!(count(&client.unswapped) > 2 * SWAPS, "no decision of another task was checked");
    assert!(count(&client.swapped) > 0, "no decision overlapped a swap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn decisions_follow_swaps_of_a_ready_store() {
    swap_under_load(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn decisions_follow_swaps_of_a_pending_store() {
    swap_under_load(false).await;
}
