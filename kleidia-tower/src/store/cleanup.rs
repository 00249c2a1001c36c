//! A task that forgets what is over, in batches.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ExpiryStore, Retention};
use crate::Clock;

/// A task that forgets what is over: now, and then at intervals. Dropping it stops it too, but
/// waits for nothing.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use kleidia_tower::SystemClock;
/// use kleidia_tower::store::{Cleanup, CleanupSettings, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = Arc::new(MemoryStore::default());
/// let settings = CleanupSettings { batch: 100, ..CleanupSettings::default() };
/// let cleanup = Cleanup::spawn(store, SystemClock, settings);
/// // When the service shuts down:
/// cleanup.stop().await;
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Cleanup {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// How often is cleaned up, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupSettings {
    /// How long nothing is done once nothing is left to do, or the store failed; a minute by
    /// default.
    pub interval: Duration,
    /// How many rows of each kind are forgotten in one transaction; 1,000 by default, 1 at least.
    pub batch: usize,
    /// How long what is over is still kept.
    pub retention: Retention,
}

impl Cleanup {
    /// Starts the task. It needs a Tokio runtime with its timer.
    pub fn spawn(
        store: Arc<dyn ExpiryStore>,
        clock: impl Clock,
        settings: CleanupSettings,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(store, clock, settings, stopped));
        Self { stop, task }
    }

    /// Lets the batch that is being done end, and then the task.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the cleanup did not end as it should");
        }
    }
}

impl Default for CleanupSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), batch: 1000, retention: Retention::default() }
    }
}

async fn run(
    store: Arc<dyn ExpiryStore>,
    clock: impl Clock,
    settings: CleanupSettings,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        while batch(&*store, &clock, &settings).await.is_continue() {
            if is_stopped(&mut stopped) {
                return;
            }
            // Between batches it is everybody else's turn.
            tokio::task::yield_now().await;
        }
        if tokio::time::timeout(settings.interval, &mut stopped).await.is_ok() {
            return;
        }
    }
}

/// Forgets some; tells whether there may be more. What failed is tried again after the interval.
async fn batch(
    store: &dyn ExpiryStore,
    clock: &impl Clock,
    settings: &CleanupSettings,
) -> ControlFlow<()> {
    let Some(now) = clock.now() else {
        tracing::warn!("nothing is cleaned up, for the clock tells no time");
        return ControlFlow::Break(());
    };
    let limit = settings.batch.max(1);
    match store.purge(now, &settings.retention, limit).await {
        Ok(removed) if removed >= limit => ControlFlow::Continue(()),
        Ok(_) => ControlFlow::Break(()),
        Err(error) => {
            tracing::warn!(%error, "can't clean up");
            ControlFlow::Break(())
        }
    }
}

fn is_stopped(stopped: &mut oneshot::Receiver<()>) -> bool {
    !matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty))
}
