//! Provides the current bundle, and refreshes it once for all requests that wait.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use http::HeaderValue;
use http_guard::event;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::refresh_state::{HeaderResult, PendingRefresh, RefreshState};
use super::{BundleError, ExpiringBundle, TokenBundleSource};
use crate::{Clock, SystemClock};

/// Caches and refreshes the bundle of a source. Clones share it.
#[derive(Clone)]
pub(super) struct BundleRefresher {
    pub(super) source: Arc<dyn TokenBundleSource>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long before its expiry a bundle is refreshed; `None` for the default.
    pub(super) margin: Option<Duration>,
    pub(super) source_timeout: Duration,
    state: Arc<RwLock<RefreshState>>,
}

pub(super) enum BundleState {
    Ready(HeaderValue),
    Pending(PendingRefresh),
}

/// A refresh. It runs in a task of its own, so cancelling a request does not cancel the refresh.
/// If the task itself is dropped, a later request starts another one.
struct RefreshTask {
    refresher: BundleRefresher,
    sender: Option<watch::Sender<Option<HeaderResult>>>,
}

impl BundleRefresher {
    const SOURCE_TIMEOUT: Duration = Duration::from_secs(30);

    pub(super) fn new(source: impl TokenBundleSource) -> Self {
        Self {
            source: Arc::new(source),
            clock: Arc::new(SystemClock),
            margin: None,
            source_timeout: Self::SOURCE_TIMEOUT,
            state: Arc::default(),
        }
    }

    /// Returns the current bundle, and starts a refresh when it is due.
    pub(super) fn get(&self) -> Result<BundleState, BundleError> {
        let now = self.clock.now().ok_or(BundleError::ClockUnavailable)?;
        let has_changed = self.source.has_changed();
        if !has_changed && let Some(result) = self.read().fresh_result(now) {
            return result.map(BundleState::Ready);
        }
        let runtime = Handle::try_current().map_err(|_| BundleError::NoTokioRuntime)?;
        let mut state = self.write();
        // Another request may have completed a refresh in the meantime.
        if !has_changed && let Some(result) = state.fresh_result(now) {
            return result.map(BundleState::Ready);
        }
        let (pending, task) = self.join_or_start(&mut state);
        let valid = state.valid_header(now).filter(|_| !has_changed);
        // A runtime that is shutting down drops the task immediately, which acquires the lock.
        drop(state);
        if let Some(task) = task {
            // Supervised: a task that panics lets the next request start another one.
            runtime.spawn(task.run());
        }
        Ok(valid.map_or(BundleState::Pending(pending), BundleState::Ready))
    }

    fn join_or_start(&self, state: &mut RefreshState) -> (PendingRefresh, Option<RefreshTask>) {
        if let Some(pending) = &state.pending {
            return (pending.clone(), None);
        }
        let (sender, pending) = watch::channel(None);
        state.pending = Some(pending.clone());
        (pending, Some(RefreshTask { refresher: self.clone(), sender: Some(sender) }))
    }

    async fn fetch(&self) -> Result<ExpiringBundle, BundleError> {
        let fetched = timeout(self.source_timeout, self.source.token_bundle()).await;
        Ok(fetched.map_err(|_| BundleError::Timeout(self.source_timeout))??)
    }

    fn complete(&self, fetched: Result<ExpiringBundle, BundleError>) -> HeaderResult {
        let now = self.clock.now().ok_or(BundleError::ClockUnavailable);
        let completed = self.write().complete(fetched, now, self.margin);
        // The lock is free here: a subscriber may send the event through this client.
        match completed {
            Ok((value, valid_until)) => {
                event!(debug, %valid_until, "token bundle refreshed");
                Ok(value)
            }
            Err((error, valid)) => {
                let serving_cached = valid.is_some();
                event!(warn, %error, serving_cached, "token bundle refresh failed");
                valid.ok_or(error)
            }
        }
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn read(&self) -> RwLockReadGuard<'_, RefreshState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, RefreshState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn wait_for_refresh(mut pending: PendingRefresh) -> HeaderResult {
    let completed = pending.wait_for(Option::is_some).await;
    completed.ok().and_then(|result| result.clone()).unwrap_or(Err(BundleError::RefreshAborted))
}

impl RefreshTask {
    async fn run(mut self) {
        let fetched = self.refresher.fetch().await;
        if let Some(sender) = self.sender.take() {
            sender.send_replace(Some(self.refresher.complete(fetched)));
        }
    }
}

/// Clears the pending refresh if the source panicked or the runtime shut down.
impl Drop for RefreshTask {
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.refresher.write().pending = None;
        }
    }
}
