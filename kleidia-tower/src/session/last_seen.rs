//! Writes `last_seen_at` of sessions in the background.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http_guard::{LogLimiter, event, log_text_up_to};

use super::SessionStore;
use crate::background_writer::{BackgroundWriter, BackgroundWrites};
use crate::store::StoreError;
use crate::telemetry::MAX_ERROR_CHARACTERS;
use crate::{HealthError, SessionId, Timestamp};

/// The maximum number of sessions that wait for the writer. Further updates are dropped; the next
/// request of the session adds one again.
const MAX_PENDING: usize = 10_000;
/// The maximum number of sessions that one transaction updates.
const BATCH: usize = 500;
/// Each request of a session tries again.
static FAILURES: LogLimiter = LogLimiter::per_second(1);

/// Writes `last_seen_at` of sessions in the background, so that no request waits for a writer. What
/// is added during a write is one further write. Clones share it.
#[derive(Clone)]
pub(crate) struct LastSeenWriter(BackgroundWriter<LastSeen>);

struct LastSeen(Arc<dyn SessionStore>);

impl LastSeenWriter {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self(BackgroundWriter::new(LastSeen(store)))
    }

    /// Adds an update without waiting. It is dropped outside of a Tokio runtime.
    pub(crate) fn add(&self, session: SessionId, at: Timestamp) {
        self.0.add(|pending| {
            if pending.len() < MAX_PENDING || pending.contains_key(&session) {
                pending.entry(session).and_modify(|seen| *seen = at.max(*seen)).or_insert(at);
            }
        });
    }

    /// Waits until no update is pending.
    pub(crate) async fn flush(&self) {
        self.0.flush().await;
    }

    /// Checks that the last write succeeded.
    pub(crate) fn health(&self) -> Result<(), HealthError> {
        self.0.health()
    }
}

#[async_trait]
impl BackgroundWrites for LastSeen {
    type Pending = HashMap<SessionId, Timestamp>;
    type Batch = Vec<(SessionId, Timestamp)>;

    const TASK: &'static str = "last-seen";
    const MAX_ATTEMPTS: u32 = 1;

    fn next_batch(pending: &mut Self::Pending) -> Option<Self::Batch> {
        let ids: Vec<_> = pending.keys().copied().take(BATCH).collect();
        let batch: Vec<_> = ids.into_iter().filter_map(|id| pending.remove_entry(&id)).collect();
        (!batch.is_empty()).then_some(batch)
    }

    async fn write(&self, batch: &Self::Batch) -> Result<(), StoreError> {
        self.0.touch(batch).await
    }

    fn on_lost(&self, batch: &Self::Batch, error: &StoreError) {
        if let Some(suppressed) = FAILURES.allow() {
            // `last_seen_at` is informational: the requests were authenticated without it.
            let sessions = batch.len();
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
            event!(warn, error, sessions, suppressed, "failed to update last_seen_at");
        }
    }

    fn on_stalled(&self, batch: &Self::Batch, error: &StoreError) {
        self.on_lost(batch, error);
    }
}

impl fmt::Debug for LastSeenWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.0.with_pending(HashMap::len);
        f.debug_struct("LastSeenWriter").field("pending", &pending).finish()
    }
}
