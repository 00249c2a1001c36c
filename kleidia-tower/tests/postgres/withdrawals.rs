//! Keys of access tokens that are withdrawn on one node: the others are notified.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{KeyFile, KeyProvider as _};
use kleidia_tower::session::{KeyWatch, SessionEvent, SessionStore as _};
use kleidia_tower::store::PostgresStore;
use test_servers::PostgresServer;

use crate::numbered::audit_key;
use crate::proxy::{Mode, Proxy};

const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";

/// The keys of a node, which does not poll them.
struct Node {
    keys: Arc<KeyFile>,
    _store: PostgresStore,
    _watch: KeyWatch,
}

impl Node {
    /// Opens a node, and waits until it receives events of others.
    async fn open(path: &Path, url: &str) -> Self {
        let options = KeyFile::options().with_poll_interval(Duration::MAX).unwrap();
        let keys = Arc::new(options.open(path).unwrap());
        let store = PostgresStore::open(url, audit_key()).await.unwrap();
        let events = store.session_events().unwrap();
        let mut receiver = events.subscribe();
        let watch = KeyWatch::spawn(keys.clone(), events);
        while !matches!(receiver.next().await, Some(SessionEvent::UpToDate { .. })) {}
        Self { keys, _store: store, _watch: watch }
    }

    fn has_old_key(&self) -> bool {
        format!("{:?}", self.keys.try_current().unwrap()).contains("2026-10")
    }

    /// Waits until the node has read the keys that it reads when it starts to receive events.
    async fn settle(&self) {
        for _ in 0..2 {
            self.keys.refresh().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_nodes_read_their_keys_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let server = PostgresServer::shared();
    let url = server.create_database();
    let proxy = Proxy::start(&url, server.port()).await;
    for is_cut in [false, true] {
        fs::write(&path, format!("{OLD}\n{NEW}")).unwrap();
        let here = Node::open(&path, &proxy.url).await;
        let there = Node::open(&path, &url).await;
        for node in [&here, &there] {
            node.settle().await;
        }
        if is_cut {
            proxy.set_feed(Mode::Cut);
        }
        fs::write(&path, NEW).unwrap();
        here.keys.reload().unwrap();
        assert!(!here.has_old_key());
        if is_cut {
            tokio::time::sleep(Duration::from_millis(500)).await;
            // It is notified when the feed is connected again.
            proxy.set_feed(Mode::Forward);
        }
        let start = Instant::now();
        while there.has_old_key() {
            assert!(start.elapsed() < Duration::from_secs(60), "timed out");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("cut: {is_cut}; withdrawn on the other node after {:?}", start.elapsed());
    }
}
