//! Where policies come from.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Policy;

/// Tells the policy of now. A [`Policy`] is itself a provider, which never changes.
#[async_trait]
pub trait PolicyProvider: Send + Sync + 'static {
    /// The policy of now.
    ///
    /// # Errors
    /// [`PolicyError`] if it can't be had: then nobody may do anything, and the answer is 503.
    async fn policy(&self) -> Result<Policy, PolicyError>;

    /// The policy of now, if it can be told without waiting; it is asked first.
    fn current(&self) -> Option<Policy> {
        None
    }
}

/// The policy can't be had.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the policy can't be had: {0}")]
pub struct PolicyError(#[source] Arc<dyn std::error::Error + Send + Sync>);

/// Remembers the policy of another provider for a while: 5 minutes by default.
///
/// A change is seen after that at the latest. A policy that can't be had again then is believed no
/// longer: nobody may do anything until it can. However many ask at once, one of them loads.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::rbac::{CachedPolicy, Policy};
///
/// let cached = CachedPolicy::new(Policy::default());
/// let shorter = CachedPolicy::with_period(Policy::default(), Duration::from_secs(10));
/// ```
pub struct CachedPolicy<P> {
    provider: P,
    period: Duration,
    loaded: ArcSwapOption<Loaded>,
    loading: Mutex<()>,
}

/// What the provider said, when it was asked, and when it answered.
struct Loaded {
    asked: Instant,
    answered: Instant,
    outcome: Result<Policy, PolicyError>,
}

impl PolicyError {
    /// It can't be had, for this reason, which must hold no secret.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into().into())
    }
}

impl<P: PolicyProvider> CachedPolicy<P> {
    /// For how long a policy is remembered by default.
    pub const PERIOD: Duration = Duration::from_secs(300);

    /// Remembers for 5 minutes.
    pub fn new(provider: P) -> Self {
        Self::with_period(provider, Self::PERIOD)
    }

    /// Remembers for as long as this.
    pub fn with_period(provider: P, period: Duration) -> Self {
        Self { provider, period, loaded: ArcSwapOption::empty(), loading: Mutex::new(()) }
    }

    fn remembered(&self) -> Option<Policy> {
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref().filter(|loaded| loaded.asked.elapsed() < self.period)?;
        loaded.outcome.as_ref().ok().cloned()
    }

    /// What was loaded since then, whether it is a policy or a failure.
    fn loaded_since(&self, since: Instant) -> Option<Result<Policy, PolicyError>> {
        let loaded = self.loaded.load();
        loaded
            .as_ref()
            .filter(|loaded| loaded.answered >= since)
            .map(|loaded| loaded.outcome.clone())
    }
}

#[async_trait]
impl<P: PolicyProvider> PolicyProvider for CachedPolicy<P> {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        if let Some(policy) = self.remembered() {
            return Ok(policy);
        }
        let since = Instant::now();
        let _turn = self.loading.lock().await;
        // Who waited gets what was loaded meanwhile, lest each waits for a failure of its own.
        if let Some(outcome) = self.loaded_since(since) {
            return outcome;
        }
        let asked = Instant::now();
        let outcome = self.provider.policy().await;
        let loaded = Loaded { asked, answered: Instant::now(), outcome: outcome.clone() };
        self.loaded.store(Some(Arc::new(loaded)));
        outcome
    }

    fn current(&self) -> Option<Policy> {
        self.remembered()
    }
}

#[async_trait]
impl PolicyProvider for Policy {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        Ok(self.clone())
    }

    fn current(&self) -> Option<Policy> {
        Some(self.clone())
    }
}

#[async_trait]
impl<P: PolicyProvider + ?Sized> PolicyProvider for Arc<P> {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        (**self).policy().await
    }

    fn current(&self) -> Option<Policy> {
        (**self).current()
    }
}

impl<P> fmt::Debug for CachedPolicy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedPolicy").field("period", &self.period).finish_non_exhaustive()
    }
}
