//! Where policies come from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;

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
    cache: Cache<(), Policy>,
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
        Self { provider, cache: Cache::builder().max_capacity(1).time_to_live(period).build() }
    }
}

#[async_trait]
impl<P: PolicyProvider> PolicyProvider for CachedPolicy<P> {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        let loaded = self.cache.try_get_with((), self.provider.policy()).await;
        loaded.map_err(|error| PolicyError::clone(&error))
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
