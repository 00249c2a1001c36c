//! Provides the current bundle, and refreshes it once for all requests that wait.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use http::HeaderValue;
use http_guard::{event, log_text_up_to};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::{Instant, timeout};

use super::refresh_state::{HeaderResult, PendingRefresh, ReadyHeader, RefreshState, Replacement};
use super::{BundleError, ExpiringBundle, SourceError, TokenBundleSource};
use crate::{Clock, SystemClock};

/// Caches and refreshes the bundle of a source. Clones share it.
#[derive(Clone)]
pub(super) struct BundleRefresher {
    pub(super) source: Arc<dyn TokenBundleSource>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long before its expiry a bundle is refreshed; `None` for the default.
    pub(super) margin: Option<Duration>,
    pub(super) source_timeout: Duration,
    /// The audience of the bundle; `None` for the source's own.
    pub(super) audience: Option<Arc<str>>,
    state: Arc<RwLock<RefreshState>>,
    /// When the source was last asked whether it has changed. It is locked meanwhile.
    last_check: Arc<Mutex<Option<Instant>>>,
}

pub(super) enum BundleState {
    Ready(ReadyHeader),
    Pending(PendingRefresh),
}

/// A refresh. It runs in a task of its own, so cancelling a request does not cancel the refresh.
/// If the task itself is dropped, a later request starts another one.
struct RefreshTask {
    refresher: BundleRefresher,
    sender: Option<watch::Sender<Option<HeaderResult>>>,
    /// Whether a cache of the source does not do.
    is_fresh: bool,
}

impl BundleRefresher {
    const SOURCE_TIMEOUT: Duration = Duration::from_secs(30);
    /// The shortest time between two questions whether the source has changed.
    const CHECK_INTERVAL: Duration = Duration::from_secs(1);

    pub(super) fn new(source: impl TokenBundleSource) -> Self {
        Self {
            source: Arc::new(source),
            clock: Arc::new(SystemClock),
            margin: None,
            source_timeout: Self::SOURCE_TIMEOUT,
            audience: None,
            state: Arc::default(),
            last_check: Arc::default(),
        }
    }

    /// Returns a refresher of the same source with another audience.
    pub(super) fn for_audience(&self, audience: Option<&str>) -> Self {
        Self {
            audience: audience.map(Arc::from),
            state: Arc::default(),
            last_check: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns the current bundle, and starts a refresh when it is due.
    pub(super) fn get(&self) -> Result<BundleState, BundleError> {
        let now = self.clock.now().ok_or(BundleError::ClockUnavailable)?;
        let fresh = self.read().fresh_result(now);
        if let Some(result) = fresh {
            self.check_for_change();
            return result.map(BundleState::Ready);
        }
        let runtime = Handle::try_current().map_err(|_| BundleError::NoTokioRuntime)?;
        let state = self.write();
        // Another request may have completed a refresh in the meantime.
        if let Some(result) = state.fresh_result(now) {
            return result.map(BundleState::Ready);
        }
        let valid = state.valid_header(now);
        let pending = self.refresh(state, &runtime, false);
        Ok(valid.map_or(BundleState::Pending(pending), BundleState::Ready))
    }

    /// Returns another bundle than the one that a server has refused, or `None` if the source cannot
    /// be queried now.
    pub(super) fn replace(&self, refused: &HeaderValue) -> Option<BundleState> {
        let (now, runtime) = (self.clock.now()?, Handle::try_current().ok()?);
        let state = self.write();
        match state.replace(refused, now) {
            Replacement::Cached(ready) => Some(BundleState::Ready(ready)),
            Replacement::Due => Some(BundleState::Pending(self.refresh(state, &runtime, true))),
            Replacement::Denied => None,
        }
    }

    /// Returns a bundle that was fetched at most `max_age` ago, unless the source has just failed.
    #[cfg(feature = "agent")]
    pub(super) fn renew(&self, max_age: Duration) -> Result<BundleState, BundleError> {
        let now = self.clock.now().ok_or(BundleError::ClockUnavailable)?;
        let runtime = Handle::try_current().map_err(|_| BundleError::NoTokioRuntime)?;
        let state = self.write();
        match state.recent_result(max_age, now) {
            Some(result) => result.map(BundleState::Ready),
            None => Ok(BundleState::Pending(self.refresh(state, &runtime, true))),
        }
    }

    /// Joins the pending refresh, or starts one.
    fn refresh(
        &self,
        mut state: RwLockWriteGuard<'_, RefreshState>,
        runtime: &Handle,
        is_fresh: bool,
    ) -> PendingRefresh {
        let (pending, task) = self.join_or_start(&mut state, is_fresh);
        // A runtime that is shutting down drops the task immediately, which acquires the lock.
        drop(state);
        if let Some(task) = task {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: a task that panics lets the next request start another one"
            )]
            runtime.spawn(task.run());
        }
        pending
    }

    /// Returns the cached bundle if it is valid, without a refresh.
    #[cfg(feature = "agent")]
    pub(super) fn cached(&self) -> Option<ReadyHeader> {
        self.clock.now().and_then(|now| self.read().valid_header(now))
    }

    fn join_or_start(
        &self,
        state: &mut RefreshState,
        is_fresh: bool,
    ) -> (PendingRefresh, Option<RefreshTask>) {
        if let Some(pending) = &state.pending {
            return (pending.clone(), None);
        }
        let (sender, pending) = watch::channel(None);
        state.pending = Some(pending.clone());
        (pending, Some(RefreshTask { refresher: self.clone(), sender: Some(sender), is_fresh }))
    }

    /// Asks the source whether it has changed, unless it was asked recently.
    ///
    /// It happens in a task: requests do not wait for the answer.
    fn check_for_change(&self) {
        let Ok(last_check) = Arc::clone(&self.last_check).try_lock_owned() else { return };
        if last_check.is_some_and(|at| at.elapsed() < Self::CHECK_INTERVAL) {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: after a panic, the next request asks again"
            )]
            runtime.spawn(self.clone().refresh_if_changed(last_check));
        }
    }

    async fn refresh_if_changed(self, mut last_check: OwnedMutexGuard<Option<Instant>>) {
        // Also if the source panics.
        *last_check = Some(Instant::now());
        let changed = self.source.has_changed(self.audience.as_deref());
        if let Ok(true) = timeout(self.source_timeout, changed).await {
            let task = {
                let mut state = self.write();
                let is_delayed = self.clock.now().is_none_or(|now| state.is_delayed_by_source(now));
                if is_delayed { None } else { self.join_or_start(&mut state, false).1 }
            };
            if let Some(task) = task {
                task.run().await;
            }
        }
        *last_check = Some(Instant::now());
    }

    async fn fetch(&self, is_fresh: bool) -> Result<ExpiringBundle, BundleError> {
        let audience = self.audience.as_deref();
        let fetched = if is_fresh {
            self.source.fresh_token_bundle(audience)
        } else {
            self.source.token_bundle(audience)
        };
        let fetched = timeout(self.source_timeout, fetched).await;
        Ok(fetched.map_err(|_| BundleError::Timeout(self.source_timeout))??)
    }

    fn complete(&self, fetched: Result<ExpiringBundle, BundleError>) -> HeaderResult {
        let now = self.clock.now().ok_or(BundleError::ClockUnavailable);
        let fetched = fetched.and_then(|bundle| self.check_audience(bundle));
        let completed = self.write().complete(fetched, now, self.margin);
        // The lock is free here: a subscriber may send the event through this client.
        match completed {
            Ok(ready) => {
                event!(debug, valid_until = %ready.valid_until, "token bundle refreshed");
                Ok(ready)
            }
            Err((error, valid)) => {
                let serving_cached = valid.is_some();
                // The error may contain text of the source's server.
                let cause = log_text_up_to(300, &error);
                event!(warn, error = cause, serving_cached, "token bundle refresh failed");
                valid.map_or(Err(error), |valid| Ok(*valid))
            }
        }
    }

    /// A source that ignores the audience must not expose its bundle to another service.
    fn check_audience(&self, bundle: ExpiringBundle) -> Result<ExpiringBundle, BundleError> {
        let Some(expected) = &self.audience else { return Ok(bundle) };
        let token = bundle.bundle().claimed_token().map_err(SourceError::new)?;
        if token.audience() == &**expected {
            return Ok(bundle);
        }
        let (expected, found) = (expected.to_string(), token.audience().to_owned());
        Err(BundleError::Audience { expected, found })
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
        let fetched = self.refresher.fetch(self.is_fresh).await;
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
