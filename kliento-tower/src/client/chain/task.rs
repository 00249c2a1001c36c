//! The task that keeps a chain fresh.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::{ChainError, ChainSource};

/// The longest pause: the clock may jump, and timers do not count a suspended system's time.
const MAX_PAUSE: Duration = Duration::from_secs(30);
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// The task of a [`ChainSource`]. It ends when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it stops the task"]
pub struct ChainTask(AbortHandle);

impl ChainSource {
    /// Starts a task that fetches the chain now and keeps it fresh until the result is dropped.
    ///
    /// # Errors
    /// [`ChainError::NoTokioRuntime`] outside a tokio runtime.
    pub fn start(&self) -> Result<ChainTask, ChainError> {
        let runtime = Handle::try_current().map_err(|_| ChainError::NoTokioRuntime)?;
        #[expect(clippy::disallowed_methods, reason = "supervised: each fetch is a turn")]
        let task = runtime.spawn(self.clone().keep_fresh());
        Ok(ChainTask(task.abort_handle()))
    }

    async fn keep_fresh(self) {
        let _running = self.shared.supervisor.start();
        loop {
            // Errors are logged and in the status.
            self.shared.supervisor.run_async_iteration(self.refresh_if_due()).await;
            sleep(self.pause()).await;
        }
    }

    fn pause(&self) -> Duration {
        let (next, now) = (self.state().next_fetch(), self.now().ok());
        let left = next.zip(now).map(|(next, now)| now.duration_until(next));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        left.unwrap_or_default().clamp(MIN_PAUSE, MAX_PAUSE)
    }
}

impl Drop for ChainTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
