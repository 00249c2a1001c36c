//! A task that publishes withdrawn keys of access tokens, and reads the keys again when another node
//! withdrew one.

use std::sync::Arc;

use http_guard::Supervisor;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{SessionEvent, SessionEventReceiver, SessionEvents};
use crate::access_token::KeyProvider;

/// Watches the keys of access tokens, until it is dropped.
///
/// When the keys of this node lose a key, it rejects the tokens that the key signed at once. A watch
/// then publishes [`SessionEvent::KeysWithdrawn`], which the [feed](SessionEvents::has_feed) of
/// [`PostgresStore`](crate::store::PostgresStore) delivers to the other nodes. Their watches
/// [read the keys again](KeyProvider::refresh) at once, instead of at the next poll, and also if
/// events may be [missing](SessionEvent::Missed). A new key publishes nothing.
///
/// A node that is not reached, or whose source still has the key, follows at its next poll.
///
/// ```
/// use std::sync::Arc;
///
/// use kleidia_tower::access_token::KeyFile;
/// use kleidia_tower::session::{KeyWatch, SessionStore as _};
/// use kleidia_tower::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("access-token.keys");
/// let (keys, store) = (Arc::new(KeyFile::open_or_create(path)?), MemoryStore::default());
/// let watch = store.session_events().map(|events| KeyWatch::spawn(keys.clone(), events));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping it stops the watch"]
pub struct KeyWatch {
    _tasks: JoinSet<()>,
}

impl KeyWatch {
    /// Starts to watch. Needs a Tokio runtime.
    pub fn spawn(keys: Arc<dyn KeyProvider>, events: SessionEvents) -> Self {
        // Subscribed before this returns, so that nothing later is missed.
        let (withdrawals, receiver) = (keys.withdrawals(), events.subscribe());
        let mut tasks = JoinSet::new();
        if let Some(withdrawals) = withdrawals {
            #[expect(clippy::disallowed_methods, reason = "supervised: it cannot panic")]
            tasks.spawn(publish(withdrawals, events));
        }
        #[expect(clippy::disallowed_methods, reason = "supervised: each read is an iteration")]
        tasks.spawn(follow(receiver, keys));
        Self { _tasks: tasks }
    }
}

async fn publish(mut withdrawals: watch::Receiver<()>, events: SessionEvents) {
    while withdrawals.changed().await.is_ok() {
        events.publish_withdrawal();
    }
}

async fn follow(mut receiver: SessionEventReceiver, keys: Arc<dyn KeyProvider>) {
    let supervisor = Supervisor::new("key-watch");
    while let Some(event) = receiver.next().await {
        if matches!(event, SessionEvent::KeysWithdrawn | SessionEvent::Missed) {
            // The provider reports its errors.
            drop(supervisor.run_async_iteration(keys.refresh()).await);
        }
    }
}
