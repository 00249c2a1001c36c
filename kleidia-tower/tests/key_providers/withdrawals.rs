//! Nodes whose keys lose a key.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::KeyFile;
use kleidia_tower::session::{KeyWatch, SessionEvent, SessionEvents, SessionStore};
use kleidia_tower::store::MemoryStore;
use tempfile::TempDir;

use crate::texts::{NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};

const DEADLINE: Duration = Duration::from_secs(60);

/// Two nodes in this process that read one file of keys, and do not poll it.
struct Nodes {
    path: PathBuf,
    first: Arc<KeyFile>,
    second: Arc<KeyFile>,
    _watches: [KeyWatch; 2],
    _folder: TempDir,
}

impl Nodes {
    fn new(events: &SessionEvents) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, OLD).unwrap();
        let open = || {
            let options = KeyFile::options().with_poll_interval(Duration::MAX).unwrap();
            Arc::new(options.open(&path).unwrap())
        };
        let (first, second) = (open(), open());
        let watches = [&first, &second].map(|keys| KeyWatch::spawn(keys.clone(), events.clone()));
        Self { path, first, second, _watches: watches, _folder: folder }
    }

    fn write(&self, keys: &str) {
        fs::write(&self.path, keys).unwrap();
    }
}

async fn withdrawal_reaches_both_nodes(store: &dyn SessionStore) {
    let events = store.session_events().unwrap();
    let nodes = Nodes::new(&events);
    let mut receiver = events.subscribe();
    let (_, token) = sign(&*nodes.first);
    nodes.write(ROTATED);
    nodes.first.reload().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.try_next(), None, "a key was added");
    assert_eq!(sign(&*nodes.second).0, "2026-10");

    nodes.write(NEW);
    nodes.first.reload().unwrap();
    assert!(!is_valid(&*nodes.first, &token));
    assert_eq!(receiver.next().await, Some(SessionEvent::KeysWithdrawn));
    let start = Instant::now();
    while is_valid(&*nodes.second, &token) {
        assert!(start.elapsed() < DEADLINE, "timed out");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The second one has lost the key, too.
    assert_eq!(receiver.next().await, Some(SessionEvent::KeysWithdrawn));
}

#[tokio::test]
async fn withdrawal_reaches_both_nodes_in_memory() {
    withdrawal_reaches_both_nodes(&MemoryStore::default()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn withdrawal_reaches_both_nodes_on_sqlite() {
    use kleidia_tower::audit::AuditKey;
    use kleidia_tower::store::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let key = AuditKey::generate("tests").unwrap();
    let store = SqliteStore::open(folder.path().join("accounts.db"), key).await.unwrap();
    withdrawal_reaches_both_nodes(&store).await;
}

#[tokio::test]
async fn keys_are_read_again_if_events_may_be_missing() {
    let events = SessionEvents::default();
    let nodes = Nodes::new(&events);
    let (_, token) = sign(&*nodes.second);
    nodes.write(NEW);
    events.publish(SessionEvent::Missed);
    let start = Instant::now();
    while is_valid(&*nodes.second, &token) {
        assert!(start.elapsed() < DEADLINE, "timed out");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The ID stays, and the secret is another.
#[tokio::test]
async fn replaced_secret_is_a_withdrawal() {
    let events = SessionEvents::default();
    let nodes = Nodes::new(&events);
    let mut receiver = events.subscribe();
    nodes.write(&NEW.replace("2026-11", "2026-10"));
    nodes.first.reload().unwrap();
    assert_eq!(receiver.next().await, Some(SessionEvent::KeysWithdrawn));
}
