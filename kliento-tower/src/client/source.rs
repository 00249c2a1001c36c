//! Where a client's token bundles come from.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento::{Timestamp, TokenBundle};

/// Obtains token bundles: signs them, reads them, or asks somebody for them.
///
/// [`KlientoClientLayer`](super::KlientoClientLayer) asks one question at a time, and keeps what it
/// got until shortly before it lapses; a source need not remember anything.
///
/// ```
/// use kliento::TokenBundle;
/// use kliento_tower::client::{IssuedBundle, SourceError, TokenBundleSource};
///
/// # struct Vault;
/// # impl Vault { async fn read(&self, _: &str) -> std::io::Result<Vec<u8>> { Ok(vec![]) } }
/// struct VaultSource(Vault);
///
/// #[async_trait::async_trait]
/// impl TokenBundleSource for VaultSource {
///     async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
///         let octets = self.0.read("kliento/api").await.map_err(SourceError::new)?;
///         let bundle = TokenBundle::from_bytes(octets).map_err(SourceError::new)?;
///         IssuedBundle::from_claims(bundle).map_err(SourceError::new)
///     }
/// }
/// ```
#[async_trait]
pub trait TokenBundleSource: Send + Sync + 'static {
    /// Obtains a bundle.
    ///
    /// # Errors
    /// [`SourceError`] with whatever kept it from it. The source is asked again at a later request.
    async fn token_bundle(&self) -> Result<IssuedBundle, SourceError>;

    /// Whether another bundle is to be had than the last one, although that one may still be valid.
    ///
    /// It is asked at every request and must not block; by default it is never so.
    fn has_changed(&self) -> bool {
        false
    }
}

/// A token bundle, and until when it is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedBundle {
    bundle: TokenBundle,
    end: Timestamp,
}

/// A source has no token bundle.
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

impl IssuedBundle {
    /// A bundle that is valid until this instant, and not later.
    #[must_use]
    pub const fn new(bundle: TokenBundle, end: Timestamp) -> Self {
        Self { bundle, end }
    }

    /// A bundle that is valid for as long as it claims; see [`TokenBundle::claimed_period`].
    ///
    /// # Errors
    /// [`kliento::Error`] if it can't be read from the bundle when that ends.
    pub fn from_claims(bundle: TokenBundle) -> Result<Self, kliento::Error> {
        let period = bundle.claimed_period()?;
        Ok(Self { bundle, end: period.end() })
    }

    /// The bundle.
    #[must_use]
    pub const fn bundle(&self) -> &TokenBundle {
        &self.bundle
    }

    /// The last instant at which it is of use.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }
}

impl SourceError {
    /// There is no bundle, for this reason, which must not hold a secret: it is logged.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Arc::from(cause.into()), retry_after: None }
    }

    /// Says for how long it is no use to ask again, of which 10 minutes at most are respected.
    #[must_use]
    pub const fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// For how long it is no use to ask again, if that is known.
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

/// The source is the cause itself, so that it can be downcast to its type.
impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

#[async_trait]
impl<T: TokenBundleSource + ?Sized> TokenBundleSource for Arc<T> {
    async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
        (**self).token_bundle().await
    }

    fn has_changed(&self) -> bool {
        (**self).has_changed()
    }
}
