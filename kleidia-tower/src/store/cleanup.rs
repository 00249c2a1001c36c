//! A task that deletes expired rows in batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_guard::{Supervisor, event, log_text_up_to};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{PurgeStore, Retention, StoreError};
use crate::telemetry::MAX_ERROR_CHARACTERS;
use crate::{Clock, HealthError, SettingError};

/// A task that deletes expired rows at start and then at intervals. Dropping it stops the task
/// without waiting for it. A panic of the store or the clock is logged, and does not end it.
///
/// After a failure or a panic it tries again each second, if the interval is not shorter.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
///
/// use kleidia_tower::SystemClock;
/// use kleidia_tower::store::{Cleanup, CleanupSettings, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryStore::default());
/// let settings = CleanupSettings::default().with_interval(Duration::from_secs(300))?;
/// let cleanup = Cleanup::spawn(store, SystemClock, settings);
/// // When the service shuts down:
/// cleanup.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping it stops the task"]
pub struct Cleanup {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    supervisor: Supervisor,
}

/// The pause after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The result of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Batch {
    /// There may be more to delete.
    Full,
    /// There is nothing more to delete.
    Last,
    /// The store or the clock failed or panicked.
    Failed,
}

/// Settings of [`Cleanup`]: how often expired rows are deleted, and how many per batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupSettings {
    interval: Duration,
    batch_size: usize,
    retention: Retention,
}

impl Cleanup {
    /// Starts the task. Needs a Tokio runtime with its timer.
    pub fn spawn(store: Arc<dyn PurgeStore>, clock: impl Clock, settings: CleanupSettings) -> Self {
        let (stop, stopped) = oneshot::channel();
        let supervisor = Supervisor::new("cleanup").with_interval(settings.interval);
        #[expect(clippy::disallowed_methods, reason = "supervised: each batch is an iteration")]
        let task = tokio::spawn(run(store, clock, settings, stopped, supervisor.clone()));
        Self { stop, task, supervisor }
    }

    /// Returns a check for a health route: it fails if the last batch failed, or if the task makes
    /// no progress.
    pub fn health_check(
        &self,
    ) -> impl Fn() -> Result<(), HealthError> + Clone + Send + Sync + use<> {
        let supervisor = self.supervisor.clone();
        move || supervisor.health()
    }

    /// Stops the task after the current batch, and waits for that.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            event!(
                error,
                error = log_text_up_to(MAX_ERROR_CHARACTERS, error),
                "cleanup task failed"
            );
        }
    }
}

impl CleanupSettings {
    /// Sets the pause after the last row was deleted, and the longest one after a failure: 1
    /// millisecond to 1 day, a minute by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_interval(self, interval: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
        Ok(Self { interval: SettingError::check("cleanup interval", interval, bounds)?, ..self })
    }

    /// Sets how many rows of each kind one transaction deletes: 1 to 100,000, 1,000 by default.
    /// In SQLite and in memory, other changes wait for it.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_batch_size(self, rows: usize) -> Result<Self, SettingError> {
        let batch_size = SettingError::check("cleanup batch size", rows, 1..=100_000)?;
        Ok(Self { batch_size, ..self })
    }

    /// Sets how long expired sessions are kept.
    #[must_use]
    pub const fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }
}

impl Default for CleanupSettings {
    fn default() -> Self {
        const BATCH_SIZE: usize = 1000;
        let (interval, retention) = (Duration::from_secs(60), Retention::default());
        Self { interval, batch_size: BATCH_SIZE, retention }
    }
}

async fn run(
    store: Arc<dyn PurgeStore>,
    clock: impl Clock,
    settings: CleanupSettings,
    mut stopped: oneshot::Receiver<()>,
    supervisor: Supervisor,
) {
    let _running = supervisor.start();
    let mut has_failed = false;
    loop {
        let mut batch = run_batch(&*store, &clock, &settings, &supervisor, has_failed).await;
        while batch == Batch::Full {
            if is_stopped(&mut stopped) {
                return;
            }
            // Lets other tasks run between batches.
            tokio::task::yield_now().await;
            batch = run_batch(&*store, &clock, &settings, &supervisor, false).await;
        }
        has_failed = batch == Batch::Failed;
        let pause =
            if has_failed { settings.interval.min(RETRY_INTERVAL) } else { settings.interval };
        if tokio::time::timeout(pause, &mut stopped).await.is_ok() {
            return;
        }
    }
}

/// Deletes one batch. A failure after another is not logged.
async fn run_batch(
    store: &dyn PurgeStore,
    clock: &impl Clock,
    settings: &CleanupSettings,
    supervisor: &Supervisor,
    has_failed: bool,
) -> Batch {
    let started_at = Instant::now();
    let batch = supervisor.run_async_iteration(delete_batch(store, clock, settings)).await;
    let Some(removed) = batch else { return Batch::Failed };
    supervisor.record(&removed, started_at);
    match removed {
        Ok(removed) if removed >= settings.batch_size => Batch::Full,
        Ok(_) => Batch::Last,
        Err(error) => {
            if !has_failed {
                let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
                event!(warn, error, "cleanup failed");
            }
            Batch::Failed
        }
    }
}

async fn delete_batch(
    store: &dyn PurgeStore,
    clock: &impl Clock,
    settings: &CleanupSettings,
) -> Result<usize, StoreError> {
    let now = clock.now().ok_or_else(|| StoreError::unavailable("clock unavailable"))?;
    store.purge(now, &settings.retention, settings.batch_size).await
}

fn is_stopped(stopped: &mut oneshot::Receiver<()>) -> bool {
    !matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty))
}
