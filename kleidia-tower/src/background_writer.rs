//! Writes in the background, so that no request waits for the store's writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_guard::Supervisor;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::HealthError;
use crate::store::StoreError;

/// The pause before a failed write is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What is written, and in which batches.
#[async_trait]
pub(crate) trait BackgroundWrites: Send + Sync + 'static {
    /// What waits to be written.
    type Pending: Default + Send;
    /// What one transaction writes.
    type Batch: Send + Sync;

    /// The name of the task for the log.
    const TASK: &'static str;
    /// How often a batch is tried.
    const MAX_ATTEMPTS: usize;

    /// Takes a batch; `None` if nothing is pending.
    fn next_batch(pending: &mut Self::Pending) -> Option<Self::Batch>;

    /// Writes a batch.
    async fn write(&self, batch: &Self::Batch) -> Result<(), StoreError>;

    /// Reports a batch that is not written: the last attempt failed, or panicked.
    fn on_lost(&self, batch: &Self::Batch, error: &StoreError);

    /// Called when nothing is pending any more.
    fn on_idle(&self) {}
}

/// Writes in the background: one write is in progress at a time, and what is added meanwhile waits.
/// Clones share it. Needs a Tokio runtime with its timer.
pub(crate) struct BackgroundWriter<W: BackgroundWrites>(Arc<Inner<W>>);

struct Inner<W: BackgroundWrites> {
    writes: W,
    pending: Mutex<W::Pending>,
    /// Whether a task writes.
    is_writing: watch::Sender<bool>,
    supervisor: Supervisor,
}

/// A task that writes. Its end is marked also if its runtime ends.
struct WriteTask<W: BackgroundWrites> {
    inner: Arc<Inner<W>>,
    is_finished: bool,
}

impl<W: BackgroundWrites> BackgroundWriter<W> {
    pub(crate) fn new(writes: W) -> Self {
        let (pending, is_writing) = (Mutex::default(), watch::Sender::new(false));
        let supervisor = Supervisor::new(W::TASK);
        Self(Arc::new(Inner { writes, pending, is_writing, supervisor }))
    }

    /// Returns what is written.
    pub(crate) fn writes(&self) -> &W {
        &self.0.writes
    }

    /// Adds to what is pending, without waiting, and starts a write unless one is in progress.
    /// Returns `None` outside of a Tokio runtime.
    pub(crate) fn add<T>(&self, add: impl FnOnce(&mut W::Pending) -> T) -> Option<T> {
        let runtime = Handle::try_current().ok()?;
        let mut pending = self.0.pending();
        let added = add(&mut pending);
        // Under the lock, so that nothing is added between the last look of a task and its end.
        if !self.0.is_writing.send_replace(true) {
            let task = WriteTask { inner: Arc::clone(&self.0), is_finished: false };
            #[expect(clippy::disallowed_methods, reason = "supervised: each write is a turn")]
            runtime.spawn(task.run());
        }
        Some(added)
    }

    /// Waits until nothing is pending.
    pub(crate) async fn flush(&self) {
        // The sender is not dropped meanwhile.
        drop(self.0.is_writing.subscribe().wait_for(|is_writing| !is_writing).await);
    }

    /// Checks that the last write succeeded.
    pub(crate) fn health(&self) -> Result<(), HealthError> {
        self.0.supervisor.health()
    }

    pub(crate) fn with_pending<T>(&self, read: impl FnOnce(&W::Pending) -> T) -> T {
        read(&self.0.pending())
    }
}

impl<W: BackgroundWrites> Inner<W> {
    fn pending(&self) -> MutexGuard<'_, W::Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, batch: &W::Batch) {
        for attempt in 1.. {
            let started_at = Instant::now();
            let written = self.supervisor.run_async_turn(self.writes.write(batch)).await;
            let Some(written) = written else {
                return self.writes.on_lost(batch, &StoreError::unavailable("the store panicked"));
            };
            self.supervisor.record(&written, started_at);
            match written {
                Ok(()) => return,
                Err(error) if attempt >= W::MAX_ATTEMPTS => {
                    return self.writes.on_lost(batch, &error);
                }
                Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
            }
        }
    }
}

impl<W: BackgroundWrites> WriteTask<W> {
    async fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            self.inner.write(&batch).await;
        }
        self.inner.writes.on_idle();
    }

    /// Takes a batch. Without any, the task is finished.
    fn next_batch(&mut self) -> Option<W::Batch> {
        let mut pending = self.inner.pending();
        let batch = W::next_batch(&mut pending);
        if batch.is_none() {
            self.is_finished = true;
            self.inner.is_writing.send_replace(false);
        }
        batch
    }
}

impl<W: BackgroundWrites> Drop for WriteTask<W> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.inner.is_writing.send_replace(false);
        }
    }
}

impl<W: BackgroundWrites> Clone for BackgroundWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
