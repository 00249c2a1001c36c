//! Sources of a client's token bundles.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento_core::{Timestamp, TokenBundle};

/// A source of token bundles: it signs them, reads them, or requests them from a server.
///
/// [`KlientoClientLayer`](super::KlientoClientLayer) runs one request to the source per audience at
/// a time, and caches the bundle until shortly before it expires. A source needs no cache of its
/// own.
///
/// ```
/// use kliento_core::TokenBundle;
/// use kliento_tower::client::{ExpiringBundle, SourceError, TokenBundleSource};
///
/// # struct Vault;
/// # impl Vault { async fn read(&self, _: &str) -> std::io::Result<Vec<u8>> { Ok(vec![]) } }
/// struct VaultSource(Vault);
///
/// #[async_trait::async_trait]
/// impl TokenBundleSource for VaultSource {
///     async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
///         let audience = audience.unwrap_or("https://api.example.com");
///         let octets = self.0.read(audience).await.map_err(SourceError::new)?;
///         let bundle = TokenBundle::from_bytes(octets).map_err(SourceError::new)?;
///         ExpiringBundle::from_claimed_period(bundle).map_err(SourceError::new)
///     }
/// }
/// ```
#[async_trait]
pub trait TokenBundleSource: Send + Sync + 'static {
    /// Returns a bundle for this audience.
    ///
    /// It is `None` if the layer's only origin has
    /// [no audience](super::KlientoClientLayer::with_audience): then the source has its own. The
    /// layer rejects a bundle for another audience than the given one.
    ///
    /// # Errors
    /// [`SourceError`] with the cause. A later request queries the source again.
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError>;

    /// Returns a bundle for this audience in place of one that a server has refused, or that a client
    /// does not want.
    ///
    /// A source with a cache of its own bypasses it, within bounds of its own. It is
    /// [`Self::token_bundle`] by default.
    ///
    /// # Errors
    /// As [`Self::token_bundle`].
    async fn fresh_token_bundle(
        &self,
        audience: Option<&str>,
    ) -> Result<ExpiringBundle, SourceError> {
        self.token_bundle(audience).await
    }

    /// Returns whether a new bundle for this audience is available, although the last one may still
    /// be valid.
    ///
    /// While there are requests, the layer calls it in a task of its own, at most once a second.
    /// Returns `false` by default.
    async fn has_changed(&self, audience: Option<&str>) -> bool {
        let _ = audience;
        false
    }
}

/// A token bundle and its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringBundle {
    bundle: TokenBundle,
    /// `None` if it is valid since before it was fetched.
    valid_from: Option<Timestamp>,
    valid_until: Timestamp,
}

/// The error of a [`TokenBundleSource`].
///
/// ```
/// use kliento_tower::client::SourceError;
///
/// let error = SourceError::new("the vault is sealed");
/// assert_eq!(error.to_string(), "no token bundle: the vault is sealed");
/// ```
#[derive(Clone, Debug)]
pub struct SourceError {
    cause: Arc<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

impl ExpiringBundle {
    /// Creates a bundle that is valid up to and including this instant.
    #[must_use]
    pub const fn new(bundle: TokenBundle, valid_until: Timestamp) -> Self {
        Self { bundle, valid_from: None, valid_until }
    }

    /// Creates a bundle that expires at the end of its [`TokenBundle::claimed_period`].
    ///
    /// # Errors
    /// [`kliento_core::Error`] if the bundle's period is malformed.
    pub fn from_claimed_period(bundle: TokenBundle) -> Result<Self, kliento_core::Error> {
        let period = bundle.claimed_period()?;
        Ok(Self::new(bundle, period.end()))
    }

    /// Returns the bundle.
    #[must_use]
    pub const fn bundle(&self) -> &TokenBundle {
        &self.bundle
    }

    /// Sets the first instant at which the bundle is valid, so that it is not used before, even if
    /// the clock is set back.
    #[must_use]
    pub const fn with_valid_from(mut self, valid_from: Timestamp) -> Self {
        self.valid_from = Some(valid_from);
        self
    }

    pub(super) const fn valid_from(&self) -> Option<Timestamp> {
        self.valid_from
    }

    /// Returns the bundle.
    #[must_use]
    pub fn into_bundle(self) -> TokenBundle {
        self.bundle
    }

    /// Returns the last instant at which the bundle is valid.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

impl SourceError {
    /// Creates an error with this cause, which is logged and so must not contain a secret.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Arc::from(cause.into()), retry_after: None }
    }

    /// Sets the time after which a retry makes sense; at most 10 minutes are respected.
    #[must_use]
    pub const fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Returns the time after which a retry makes sense, if it is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token bundle: {}", self.cause)
    }
}

/// [`Error::source`] is the cause itself, so it can be downcast.
impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

#[async_trait]
impl<T: TokenBundleSource + ?Sized> TokenBundleSource for Arc<T> {
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        (**self).token_bundle(audience).await
    }

    async fn fresh_token_bundle(
        &self,
        audience: Option<&str>,
    ) -> Result<ExpiringBundle, SourceError> {
        (**self).fresh_token_bundle(audience).await
    }

    async fn has_changed(&self, audience: Option<&str>) -> bool {
        (**self).has_changed(audience).await
    }
}
