//! The audit log, as all streams of a node follow it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use http_guard::Supervisor;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::audit_reader::AuditReader;
use crate::api::audit::AuditEntryResponse;
use crate::audit::{Checkpoint, InclusionProof};
use crate::store::{Store, StoreError};
use crate::telemetry::log_unavailable;

/// The audit log, as all streams of a node follow it: while there is one, a task reads what all
/// nodes have sealed.
///
/// The leaves of the Merkle log are the records in one order for all nodes, without gaps, which
/// never changes. The numbers of records are neither: a transaction with a smaller one may be
/// committed later. So the index after a leaf is the `id` of its event, from which every node
/// continues.
pub(super) struct AuditFeed {
    store: Arc<dyn Store>,
    /// What the log is at the moment; `None` until the task has read it.
    latest: watch::Sender<Option<Arc<Checkpoint>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The latest records.
    recent: VecDeque<SealedRecord>,
    task: Option<JoinHandle<()>>,
}

/// A record in the log, as an event.
#[derive(Clone)]
pub(super) struct SealedRecord {
    pub(super) leaf_index: u64,
    pub(super) event: Event,
}

/// How often the log is read. Its stores seal records each 0.4 seconds.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many of the latest records are kept in memory. A client that is further behind reads the
/// store, and so do all while more than these are sealed in an interval.
const MAX_RECENT: usize = 256;
/// How many records a client has in memory at most.
const MAX_BATCH: u64 = 64;

impl AuditFeed {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, latest: watch::Sender::new(None), state: Mutex::default() }
    }

    /// Subscribes to the records from a leaf on; with `None`, to those that are sealed from now on.
    pub(super) fn subscribe(self: &Arc<Self>, next: Option<u64>) -> AuditReader {
        let mut state = self.state();
        let checkpoints = self.latest.subscribe();
        if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
            // What a runtime that has ended has left.
            self.clear(&mut state);
            #[expect(clippy::disallowed_methods, reason = "supervised: each poll is an iteration")]
            let task = tokio::spawn(follow(Arc::clone(self)));
            state.task = Some(task);
        }
        AuditReader::new(Arc::clone(self), checkpoints, next)
    }

    /// Returns the records from a leaf on, some at least.
    pub(super) async fn read(
        &self,
        next: u64,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        let recent = self.recent(next, checkpoint);
        if !recent.is_empty() {
            return Ok(recent);
        }
        let until = checkpoint.size().min(next.saturating_add(MAX_BATCH));
        self.read_store(checkpoint, next, until).await
    }

    /// Returns the number of leaves in the store now.
    pub(super) async fn size(&self) -> Result<u64, StoreError> {
        Ok(self.store.checkpoint().await?.map_or(0, |checkpoint| checkpoint.size()))
    }

    /// Returns the first leaf whose record is in the store.
    pub(super) async fn first_leaf(&self) -> Result<u64, StoreError> {
        Ok(self.store.detachment().await?.map_or(0, |detachment| detachment.size()))
    }

    /// Returns the recent records of a checkpoint from a leaf on, or none if it is not among them.
    fn recent(&self, next: u64, checkpoint: &Checkpoint) -> Vec<SealedRecord> {
        let state = self.state();
        let first = state.recent.front().map(|first| first.leaf_index);
        let offset = first.and_then(|first| next.checked_sub(first));
        let Some(offset) = offset.and_then(|offset| usize::try_from(offset).ok()) else {
            return Vec::new();
        };
        let batch = usize::try_from(MAX_BATCH).unwrap_or(usize::MAX);
        let records = state.recent.iter().skip(offset).take(batch);
        records.take_while(|record| record.leaf_index < checkpoint.size()).cloned().collect()
    }

    async fn read_store(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        until: u64,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        let proofs = self.store.prove_leaves(checkpoint, from, until).await?;
        proofs.iter().map(SealedRecord::new).collect()
    }

    /// Reads what was sealed since the last poll.
    async fn poll(&self) -> Result<(), StoreError> {
        let Some(checkpoint) = self.store.checkpoint().await? else { return Ok(()) };
        let size = checkpoint.size();
        let known = self.latest.borrow().as_ref().map_or(size, |latest| latest.size());
        if known > size {
            // A backup was restored.
            self.state().recent.clear();
        } else if known < size {
            let oldest = size.saturating_sub(MAX_RECENT as u64);
            let records = self.read_store(&checkpoint, known.max(oldest), size).await;
            // A corrupt record stops the clients that reach it, and no others.
            let records = records.or_else(|error| match error {
                StoreError::Corrupt(_) => {
                    log_unavailable("audit log", &error);
                    Ok(Vec::new())
                }
                error => Err(error),
            })?;
            let mut state = self.state();
            if known < oldest || records.is_empty() {
                state.recent.clear();
            }
            state.recent.extend(records);
            let excess = state.recent.len().saturating_sub(MAX_RECENT);
            state.recent.drain(..excess);
        }
        self.latest.send_if_modified(|latest| {
            let is_new = latest.as_ref().is_none_or(|latest| latest.size() != size);
            if is_new {
                *latest = Some(Arc::new(checkpoint));
            }
            is_new
        });
        Ok(())
    }

    /// Returns whether no stream follows the log. Then the next one starts the task again.
    fn stop_if_unused(&self) -> bool {
        let mut state = self.state();
        let is_unused = self.latest.receiver_count() == 0;
        if is_unused {
            state.task = None;
            self.clear(&mut state);
        }
        is_unused
    }

    fn clear(&self, state: &mut State) {
        state.recent.clear();
        self.latest.send_replace(None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SealedRecord {
    fn new(proof: &InclusionProof) -> Result<Self, StoreError> {
        let leaf_index = proof.leaf_index();
        let entry = AuditEntryResponse::from(proof.record().clone());
        let event = Event::default().event("audit").id((leaf_index + 1).to_string());
        let event = event.json_data(entry).map_err(StoreError::unavailable)?;
        Ok(Self { leaf_index, event })
    }
}

/// Follows the log as long as there are streams.
async fn follow(feed: Arc<AuditFeed>) {
    let supervisor = Supervisor::new("audit-feed");
    while !feed.stop_if_unused() {
        if let Some(Err(error)) = supervisor.run_async_iteration(feed.poll()).await {
            log_unavailable("audit log", &error);
        }
        sleep(INTERVAL).await;
    }
}
