//! Writes in the background, so that no request waits for the store's writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_guard::Supervisor;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::HealthError;
use crate::store::StoreError;

/// What is written, and in which batches.
#[async_trait]
pub(crate) trait BackgroundWrites: Send + Sync + 'static {
    /// What waits to be written.
    type Pending: Default + Send;
    /// What one transaction writes.
    type Batch: Send + Sync;

    /// The name of the task for the log.
    const TASK: &'static str;
    /// How often a batch is tried while others wait for it. The last one is tried until it is
    /// written, so that the writer notices by itself when the store has recovered.
    const MAX_ATTEMPTS: u32;
    /// The pause before a failed write is tried again.
    const RETRY_INTERVAL: Duration = Duration::from_secs(1);

    /// Takes a batch; `None` if nothing is pending.
    fn next_batch(pending: &mut Self::Pending) -> Option<Self::Batch>;

    /// Writes a batch.
    async fn write(&self, batch: &Self::Batch) -> Result<(), StoreError>;

    /// Reports a batch that is not written: its last attempt failed, or panicked.
    fn on_lost(&self, batch: &Self::Batch, error: &StoreError);

    /// Reports that the last batch fails, and is tried again.
    fn on_stalled(&self, batch: &Self::Batch, error: &StoreError);

    /// Called when nothing is pending any more.
    fn on_idle(&self) {}
}

/// Writes in the background: one write is in progress at a time, and what is added meanwhile waits.
/// Clones share it. Needs a Tokio runtime with its timer.
pub(crate) struct BackgroundWriter<W: BackgroundWrites>(Arc<Inner<W>>);

struct Inner<W: BackgroundWrites> {
    writes: W,
    pending: Mutex<W::Pending>,
    progress: watch::Sender<Progress>,
    supervisor: Supervisor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing is pending, and no task runs.
    Idle,
    /// A task writes.
    Writing,
    /// A task tries the last batch again, which has failed.
    Stalled,
}

/// A task that writes. Its end is marked also if its runtime ends.
struct WriteTask<W: BackgroundWrites> {
    inner: Arc<Inner<W>>,
    is_finished: bool,
}

impl<W: BackgroundWrites> BackgroundWriter<W> {
    pub(crate) fn new(writes: W) -> Self {
        let (pending, progress) = (Mutex::default(), watch::Sender::new(Progress::Idle));
        let supervisor = Supervisor::new(W::TASK);
        Self(Arc::new(Inner { writes, pending, progress, supervisor }))
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
        if self.0.progress.send_replace(Progress::Writing) == Progress::Idle {
            let task = WriteTask { inner: Arc::clone(&self.0), is_finished: false };
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: each write is an iteration"
            )]
            runtime.spawn(task.run());
        }
        Some(added)
    }

    /// Waits until nothing is pending, or until the last batch has failed as often as others may.
    pub(crate) async fn flush(&self) {
        let mut progress = self.0.progress.subscribe();
        // The sender is not dropped meanwhile.
        drop(progress.wait_for(|progress| *progress != Progress::Writing).await);
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

    /// Tries to write a batch once. A panic is an error like any other.
    async fn try_write(&self, batch: &W::Batch) -> Result<(), StoreError> {
        let started_at = Instant::now();
        let written = self.supervisor.run_async_iteration(self.writes.write(batch)).await;
        let written = written.unwrap_or_else(|| Err(StoreError::unavailable("the store panicked")));
        self.supervisor.record(&written, started_at);
        written
    }

    /// Takes a batch, or marks that the one in progress is the last.
    fn next_batch_or_stall(&self) -> Option<W::Batch> {
        let mut pending = self.pending();
        let batch = W::next_batch(&mut pending);
        if batch.is_none() {
            self.progress.send_replace(Progress::Stalled);
        }
        batch
    }
}

impl<W: BackgroundWrites> WriteTask<W> {
    async fn run(mut self) {
        let mut next = self.next_batch();
        while let Some(batch) = next {
            next = self.write(batch).await;
        }
        self.inner.writes.on_idle();
    }

    /// Writes a batch or loses it, and returns the next one.
    async fn write(&mut self, batch: W::Batch) -> Option<W::Batch> {
        let mut attempts = 0_u32;
        while let Err(error) = self.inner.try_write(&batch).await {
            attempts = attempts.saturating_add(1);
            if attempts >= W::MAX_ATTEMPTS {
                let next = self.inner.next_batch_or_stall();
                // Without a writer, nothing is added and nothing reads its health.
                if next.is_some() || Arc::strong_count(&self.inner) == 1 {
                    self.inner.writes.on_lost(&batch, &error);
                    return next.or_else(|| self.next_batch());
                }
                if attempts == W::MAX_ATTEMPTS {
                    self.inner.writes.on_stalled(&batch, &error);
                }
            }
            tokio::time::sleep(W::RETRY_INTERVAL).await;
        }
        self.next_batch()
    }

    /// Takes a batch. Without any, the task is finished.
    fn next_batch(&mut self) -> Option<W::Batch> {
        let mut pending = self.inner.pending();
        let batch = W::next_batch(&mut pending);
        if batch.is_none() {
            self.is_finished = true;
            self.inner.progress.send_replace(Progress::Idle);
        }
        batch
    }
}

impl<W: BackgroundWrites> Drop for WriteTask<W> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.inner.progress.send_replace(Progress::Idle);
        }
    }
}

impl<W: BackgroundWrites> Clone for BackgroundWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A store that fails or panics at first, for each batch or for a number of attempts.
    #[derive(Default)]
    struct Faulty {
        failures: Mutex<u32>,
        panicking: Option<u32>,
        written: Mutex<Vec<u32>>,
        lost: Arc<Mutex<Vec<u32>>>,
    }

    #[async_trait]
    impl BackgroundWrites for Faulty {
        type Pending = VecDeque<u32>;
        type Batch = u32;

        const TASK: &'static str = "test";
        const MAX_ATTEMPTS: u32 = 3;
        const RETRY_INTERVAL: Duration = Duration::from_millis(1);

        fn next_batch(pending: &mut VecDeque<u32>) -> Option<u32> {
            pending.pop_front()
        }

        async fn write(&self, batch: &u32) -> Result<(), StoreError> {
            assert_ne!(Some(*batch), self.panicking, "on purpose");
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(StoreError::unavailable("not yet"));
            }
            self.written.lock().unwrap().push(*batch);
            Ok(())
        }

        fn on_lost(&self, batch: &u32, _: &StoreError) {
            self.lost.lock().unwrap().push(*batch);
        }

        fn on_stalled(&self, _: &u32, _: &StoreError) {}
    }

    fn writer(failures: u32, panicking: Option<u32>) -> BackgroundWriter<Faulty> {
        let failures = Mutex::new(failures);
        BackgroundWriter::new(Faulty { failures, panicking, ..Faulty::default() })
    }

    fn add(writer: &BackgroundWriter<Faulty>, batches: [u32; 2]) {
        writer.add(|pending| pending.extend(batches.iter().filter(|batch| **batch > 0)));
    }

    #[tokio::test]
    async fn last_batch_is_tried_until_it_is_written() {
        let writer = writer(8, None);
        add(&writer, [1, 0]);
        writer.flush().await;
        assert!(writer.health().is_err(), "it has failed three times");
        while writer.health().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*writer.writes().written.lock().unwrap(), [1]);
        assert!(writer.writes().lost.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn failing_batch_is_lost_if_others_wait() {
        let writer = writer(3, None);
        add(&writer, [1, 2]);
        writer.flush().await;
        assert_eq!(*writer.writes().written.lock().unwrap(), [2]);
        assert_eq!(*writer.writes().lost.lock().unwrap(), [1]);
        assert_eq!(writer.health(), Ok(()));
    }

    #[tokio::test]
    async fn panic_is_a_failure_like_any_other() {
        let writer = writer(0, Some(1));
        add(&writer, [1, 0]);
        writer.flush().await;
        assert!(writer.writes().lost.lock().unwrap().is_empty(), "it is tried again");
        assert!(writer.health().is_err());
        add(&writer, [2, 0]);
        writer.flush().await;
        assert_eq!(*writer.writes().written.lock().unwrap(), [2]);
        assert_eq!(*writer.writes().lost.lock().unwrap(), [1]);
        assert_eq!(writer.health(), Ok(()));
    }

    #[tokio::test]
    async fn task_ends_with_its_writer() {
        let writer = writer(u32::MAX, None);
        let lost = Arc::clone(&writer.writes().lost);
        add(&writer, [1, 0]);
        writer.flush().await;
        assert!(lost.lock().unwrap().is_empty());
        drop(writer);
        while lost.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
