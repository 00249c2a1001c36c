//! Writes `last_seen_at` of sessions in the background.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_guard::{LogLimiter, event};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::SessionStore;
use crate::{SessionId, Timestamp};

/// The maximum number of sessions that wait for the writer. Further updates are dropped; the next
/// request of the session adds one again.
const MAX_PENDING: usize = 10_000;
/// The maximum number of sessions that one transaction updates.
const BATCH: usize = 500;
/// Each request of a session tries again.
static FAILURES: LogLimiter = LogLimiter::per_second(1);

/// Writes `last_seen_at` of sessions in the background, so that no request waits for a writer. One
/// write is in progress at a time; what is added meanwhile is one further write. Clones share it.
#[derive(Clone)]
pub(crate) struct LastSeenWriter(Arc<Inner>);

struct Inner {
    store: Arc<dyn SessionStore>,
    pending: Mutex<HashMap<SessionId, Timestamp>>,
    /// Whether a task writes.
    is_writing: watch::Sender<bool>,
}

/// A task that writes. Its end is marked also if it panics or its runtime ends.
struct WriteTask {
    inner: Arc<Inner>,
    is_finished: bool,
}

impl LastSeenWriter {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        let is_writing = watch::Sender::new(false);
        Self(Arc::new(Inner { store, pending: Mutex::default(), is_writing }))
    }

    /// Adds an update without waiting. It is dropped outside of a Tokio runtime.
    pub(crate) fn add(&self, session: SessionId, at: Timestamp) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut pending = self.0.pending();
        if pending.len() >= MAX_PENDING && !pending.contains_key(&session) {
            return;
        }
        pending.entry(session).and_modify(|seen| *seen = at.max(*seen)).or_insert(at);
        // Under the lock, so that no update is added between the last look of a task and its end.
        if !self.0.is_writing.send_replace(true) {
            let task = WriteTask { inner: Arc::clone(&self.0), is_finished: false };
            // Supervised: a panic drops the task, and the next update starts another.
            runtime.spawn(task.run());
        }
    }

    /// Waits until no update is pending.
    pub(crate) async fn flush(&self) {
        // The sender is not dropped meanwhile.
        drop(self.0.is_writing.subscribe().wait_for(|is_writing| !is_writing).await);
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, HashMap<SessionId, Timestamp>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteTask {
    async fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            if let Err(error) = self.inner.store.touch(&batch).await
                && let Some(suppressed) = FAILURES.allow()
            {
                // `last_seen_at` is informational: the requests were authenticated without it.
                event!(
                    warn,
                    %error,
                    sessions = batch.len(),
                    suppressed,
                    "failed to update last_seen_at"
                );
            }
        }
    }

    /// Takes a batch of updates. Without any, the task is finished.
    fn next_batch(&mut self) -> Option<Vec<(SessionId, Timestamp)>> {
        let mut pending = self.inner.pending();
        let ids: Vec<_> = pending.keys().copied().take(BATCH).collect();
        if ids.is_empty() {
            self.is_finished = true;
            self.inner.is_writing.send_replace(false);
            return None;
        }
        Some(ids.into_iter().filter_map(|id| pending.remove_entry(&id)).collect())
    }
}

impl Drop for WriteTask {
    fn drop(&mut self) {
        if !self.is_finished {
            self.inner.is_writing.send_replace(false);
        }
    }
}

impl fmt::Debug for LastSeenWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastSeenWriter").field("pending", &self.0.pending().len()).finish()
    }
}
