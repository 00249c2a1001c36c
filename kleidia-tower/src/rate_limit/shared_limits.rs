//! `SharedLimits`: limits that several nodes enforce together, and what happens without their
//! store.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};

use super::circuit_breaker::{CircuitBreaker, Probe, within};
use super::key_digest::DigestKey;
use super::{LimitDecision, LimitKey, LimitStore, LimitStoreError};
use crate::{HealthError, SettingError};

/// Limits whose state several nodes share in a [`LimitStore`]. Cheap to clone.
///
/// Pass it to [`RateLimitLayer::with_shared_limits`](super::RateLimitLayer::with_shared_limits), or
/// to `Api::with_shared_limits` (feature `axum`).
///
/// # Rules
/// - Keys reach the store as digests: HMAC-SHA-256 under a secret, truncated to 128 bits. Nodes
///   with the same secret share budgets. Without the secret, the digests do not tell which clients
///   there are.
/// - A call of the store takes at most the [timeout](Self::with_timeout). After a call that fails
///   or times out, no request waits for the store: a background task probes it at the [retry
///   interval](Self::with_retry_interval), one probe at a time, until one succeeds.
/// - Meanwhile the [fallback](Self::with_fallback) applies, and [`Self::health_check`] fails.
/// - The layers need a Tokio runtime with time enabled.
///
/// # Examples
/// ```
/// use kleidia_tower::rate_limit::{Key, Limit, MemoryLimitStore, RateLimitLayer, SharedLimits};
///
/// # let secret = vec![7; 32];
/// let limits = SharedLimits::new(MemoryLimitStore::new(), &secret.into())?;
/// let layer = RateLimitLayer::new()
///     .with_limit(Key::address(), "100/60".parse::<Limit>()?)
///     .with_shared_limits("requests", limits);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Configured for four nodes, that respond with 503 without the store:
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::{LimitFallback, MemoryLimitStore, SharedLimits};
///
/// # let secret = vec![7; 32];
/// let limits = SharedLimits::new(MemoryLimitStore::new(), &secret.into())?
///     .with_fallback(LimitFallback::Reject)
///     .with_timeout(Duration::from_millis(20))?
///     .with_retry_interval(Duration::from_secs(5))?;
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone)]
pub struct SharedLimits {
    store: Arc<dyn LimitStore>,
    digest_key: DigestKey,
    timeout: Duration,
    retry_interval: Duration,
    fallback: LimitFallback,
    breaker: Arc<CircuitBreaker>,
}

/// What applies while the store of shared limits is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitFallback {
    /// Each node enforces its share of the limits in its own memory: the rate and the burst,
    /// divided by the number of nodes. The burst is at least 1. A request that costs more than this
    /// burst is rejected with 429.
    Share {
        /// The number of nodes.
        nodes: NonZeroU32,
    },
    /// Requests to which a limit applies are rejected with 503, `unavailable` and `Retry-After`.
    Reject,
}

impl SharedLimits {
    /// The minimum length of the secret.
    pub const MIN_SECRET_OCTETS: usize = 32;
    /// The default timeout of a call of the store.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
    /// The default interval at which an unavailable store is probed.
    pub const DEFAULT_RETRY_INTERVAL: Duration = Duration::from_secs(1);

    /// Creates limits with their state in a store, and the secret that the nodes have in common.
    ///
    /// # Errors
    /// [`SettingError`] if the secret has less than [`Self::MIN_SECRET_OCTETS`].
    pub fn new(store: impl LimitStore, secret: &SecretSlice<u8>) -> Result<Self, SettingError> {
        let secret = secret.expose_secret();
        let bounds = Self::MIN_SECRET_OCTETS..=usize::MAX;
        SettingError::check("octets of the limit secret", secret.len(), bounds)?;
        Ok(Self {
            store: Arc::new(store),
            digest_key: DigestKey::new(secret),
            timeout: Self::DEFAULT_TIMEOUT,
            retry_interval: Self::DEFAULT_RETRY_INTERVAL,
            fallback: LimitFallback::default(),
            breaker: Arc::default(),
        })
    }

    /// Sets what applies while the store is unavailable; by default each node enforces the share of
    /// one of two nodes.
    #[must_use]
    pub fn with_fallback(self, fallback: LimitFallback) -> Self {
        Self { fallback, ..self }
    }

    /// Sets how long a request waits for the store: 1 ms to 10 s, and at most the retry interval;
    /// [`Self::DEFAULT_TIMEOUT`] by default.
    ///
    /// # Errors
    /// [`SettingError`] if it is out of bounds.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(10);
        let timeout = SettingError::check("limit timeout", timeout, bounds)?;
        Self { timeout, ..self }.checked()
    }

    /// Sets the interval at which an unavailable store is probed: at least the timeout, and at most
    /// 60 s; [`Self::DEFAULT_RETRY_INTERVAL`] by default.
    ///
    /// # Errors
    /// [`SettingError`] if it is out of bounds.
    pub fn with_retry_interval(self, retry_interval: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(60);
        let retry_interval = SettingError::check("limit retry interval", retry_interval, bounds)?;
        Self { retry_interval, ..self }.checked()
    }

    /// Returns a check for a health route: it fails while the store is unavailable.
    pub fn health_check(
        &self,
    ) -> impl Fn() -> Result<(), HealthError> + Clone + Send + Sync + use<> {
        let breaker = Arc::clone(&self.breaker);
        move || breaker.health()
    }

    /// Connects to the store and calls it once, to find out at the start whether it is available.
    /// If it is not, the fallback applies until a probe succeeds.
    ///
    /// # Errors
    /// [`LimitStoreError`] if the store is unavailable.
    pub async fn check_store(&self) -> Result<(), LimitStoreError> {
        let probe = self.probe(0);
        let outcome = probe.check().await;
        outcome.inspect_err(|error| self.breaker.open(error, probe))
    }

    /// Returns `None` if the store is unavailable.
    pub(super) async fn charge(&self, keys: &[LimitKey], cost: u32) -> Option<LimitDecision> {
        if self.breaker.is_open() {
            return None;
        }
        match within(self.timeout, self.store.charge(keys, cost)).await {
            Ok(decision) => Some(decision),
            Err(error) => {
                let partition = keys.first().map_or(0, LimitKey::partition);
                self.breaker.open(&error, self.probe(partition));
                None
            }
        }
    }

    pub(super) const fn digest_key(&self) -> &DigestKey {
        &self.digest_key
    }

    pub(super) const fn fallback(&self) -> LimitFallback {
        self.fallback
    }

    fn probe(&self, partition: u16) -> Probe {
        let (timeout, retry_interval) = (self.timeout, self.retry_interval);
        Probe { store: Arc::clone(&self.store), timeout, retry_interval, partition }
    }

    /// A call that began before the breaker opened has ended when the first probe starts, so it
    /// does not open the breaker again.
    fn checked(self) -> Result<Self, SettingError> {
        let (timeout, interval) = (self.timeout, self.retry_interval);
        SettingError::check_at_most("limit timeout", timeout, "limit retry interval", interval)?;
        Ok(self)
    }
}

impl Default for LimitFallback {
    /// Returns the share of one of two nodes.
    fn default() -> Self {
        Self::Share { nodes: NonZeroU32::MIN.saturating_add(1) }
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimits")
            .field("store", &self.store)
            .field("timeout", &self.timeout)
            .field("retry_interval", &self.retry_interval)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}
