//! `PolicyProvider`, and a cache around it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::Policy;
use crate::SettingError;

/// How long a load takes at most, and how long a caller waits, for a load of others and its own.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many callers wait at the same time at most.
const MAX_WAITING: usize = 1000;

/// Provides the current policy. A [`Policy`] is itself a provider.
#[async_trait]
pub trait PolicyProvider: Send + Sync + 'static {
    /// Returns the current policy.
    ///
    /// # Errors
    /// [`PolicyError`] if the policy is unavailable. The layer then rejects requests with 503.
    async fn policy(&self) -> Result<Policy, PolicyError>;

    /// Returns the current policy if it is available without waiting; `None` by default. The layer
    /// tries this first.
    fn try_current(&self) -> Option<Policy> {
        None
    }
}

/// The policy is unavailable.
#[derive(Clone, Debug, thiserror::Error)]
#[error("policy unavailable: {0}")]
pub struct PolicyError(#[source] Arc<dyn std::error::Error + Send + Sync>);

/// Caches the policy of another provider, for 5 minutes by default.
///
/// A change takes effect within the TTL. When the TTL has passed and the policy cannot be loaded,
/// requests are rejected with 503. Concurrent requests share one load, and its error. At most 1,000
/// wait at the same time, for 5 seconds at most, and a load takes at most 5 seconds; the others are
/// rejected with 503 too.
///
/// It needs a Tokio runtime with time enabled.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::rbac::{CachedPolicy, Policy};
///
/// let cached = CachedPolicy::new(Policy::default());
/// let shorter = CachedPolicy::new(Policy::default()).with_ttl(Duration::from_secs(10))?;
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
pub struct CachedPolicy<P> {
    provider: P,
    ttl: Duration,
    loaded: ArcSwapOption<Loaded>,
    loading: Mutex<()>,
    /// A permit for each caller that may wait for a load.
    waiting: Semaphore,
}

/// The outcome of a load.
struct Loaded {
    started_at: Instant,
    finished_at: Instant,
    outcome: Result<Policy, PolicyError>,
}

/// Why a caller did not get the outcome of a load.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{MAX_WAITING} requests wait for the policy")]
    TooManyWaiting,
    #[error("not loaded within {} s", TIMEOUT.as_secs())]
    TimedOut,
}

impl PolicyError {
    /// Creates an error with this reason, which is logged and must contain no secret.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into().into())
    }
}

impl<P: PolicyProvider> CachedPolicy<P> {
    /// The default TTL: 5 minutes.
    pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

    /// Creates a cache with the [default TTL](Self::DEFAULT_TTL).
    pub fn new(provider: P) -> Self {
        let (loaded, loading) = (ArcSwapOption::empty(), Mutex::new(()));
        let waiting = Semaphore::new(MAX_WAITING);
        Self { provider, ttl: Self::DEFAULT_TTL, loaded, loading, waiting }
    }

    /// Sets how long a policy is cached, from the start of its load: 0 to 1 day; 5 minutes by
    /// default. With 0 every request loads the policy, except that concurrent requests share a
    /// load.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_ttl(self, ttl: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::ZERO..=Duration::from_secs(24 * 3600);
        Ok(Self { ttl: SettingError::check("policy TTL", ttl, bounds)?, ..self })
    }

    fn cached(&self) -> Option<Policy> {
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref().filter(|loaded| loaded.started_at.elapsed() < self.ttl)?;
        loaded.outcome.as_ref().ok().cloned()
    }

    /// Returns the outcome of a load that finished since then: a policy or an error.
    fn loaded_since(&self, since: Instant) -> Option<Result<Policy, PolicyError>> {
        let loaded = self.loaded.load();
        loaded
            .as_ref()
            .filter(|loaded| loaded.finished_at >= since)
            .map(|loaded| loaded.outcome.clone())
    }

    /// Waits for the load in progress, or loads the policy.
    async fn load(&self) -> Result<Policy, PolicyError> {
        let since = Instant::now();
        let guard = timeout(TIMEOUT, self.loading.lock()).await;
        let _guard = guard.map_err(|_| PolicyError::new(LoadError::TimedOut))?;
        // Requests that waited share the load that finished meanwhile, even if it failed.
        if let Some(outcome) = self.loaded_since(since) {
            return outcome;
        }
        let started_at = Instant::now();
        // Has its whole time, also after the wait: a load that times out is kept, so that the next
        // caller does not start another one.
        let loading = timeout(TIMEOUT, self.provider.policy()).await;
        let outcome = loading.unwrap_or_else(|_| Err(PolicyError::new(LoadError::TimedOut)));
        let loaded = Loaded { started_at, finished_at: Instant::now(), outcome: outcome.clone() };
        self.loaded.store(Some(Arc::new(loaded)));
        outcome
    }
}

#[async_trait]
impl<P: PolicyProvider> PolicyProvider for CachedPolicy<P> {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        if let Some(policy) = self.cached() {
            return Ok(policy);
        }
        let waiting = self.waiting.try_acquire();
        let _waiting = waiting.map_err(|_| PolicyError::new(LoadError::TooManyWaiting))?;
        self.load().await
    }

    fn try_current(&self) -> Option<Policy> {
        self.cached()
    }
}

#[async_trait]
impl PolicyProvider for Policy {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        Ok(self.clone())
    }

    fn try_current(&self) -> Option<Policy> {
        Some(self.clone())
    }
}

#[async_trait]
impl<P: PolicyProvider + ?Sized> PolicyProvider for Arc<P> {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        (**self).policy().await
    }

    fn try_current(&self) -> Option<Policy> {
        (**self).try_current()
    }
}

impl<P> fmt::Debug for CachedPolicy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedPolicy").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}
