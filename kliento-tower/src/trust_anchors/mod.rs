//! Sources of trust anchors, and the set at one time.

mod ds_records;
mod file;
mod file_contents;
mod file_error;
mod root_anchors_xml;
mod schedule;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kliento_core::TrustAnchor;

pub use file::{TrustAnchorFile, TrustAnchorFileOptions};
pub use file_error::{SkipReason, SkippedAnchor, TrustAnchorFileError, XmlElementError};

/// Provides the currently trusted keys of the DNS root.
///
/// The layer queries the store for every request with credentials, so a change takes effect on the
/// next one. If the store fails, or its set is empty, the layer responds with 503. A constant
/// [`TrustAnchors`] is a store, too: [`TrustAnchors::iana`] is the default.
///
/// ```
/// use std::sync::RwLock;
/// use kliento_tower::{TrustAnchorError, TrustAnchorStore, TrustAnchors};
///
/// /// Anchors that an operator can replace while the service runs.
/// struct Replaceable(RwLock<TrustAnchors>);
///
/// #[async_trait::async_trait]
/// impl TrustAnchorStore for Replaceable {
///     async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
///         self.try_current().ok_or_else(|| TrustAnchorError::new("poisoned lock"))
///     }
///
///     fn try_current(&self) -> Option<TrustAnchors> {
///         self.0.read().ok().map(|anchors| anchors.clone())
///     }
/// }
/// ```
#[async_trait]
pub trait TrustAnchorStore: Send + Sync + 'static {
    /// Returns the current anchors.
    ///
    /// # Errors
    /// [`TrustAnchorError`] if they are unavailable.
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError>;

    /// Returns the current anchors if they are available without waiting.
    ///
    /// The layer calls it before [`Self::snapshot`]; it must not block. Implement it if the anchors
    /// are in memory, so that requests with cached bundles need not wait. Returns `None` by
    /// default.
    fn try_current(&self) -> Option<TrustAnchors> {
        None
    }
}

/// An immutable set of trust anchors. Cheap to clone.
///
/// ```
/// use kliento_tower::TrustAnchors;
///
/// assert_eq!(TrustAnchors::iana().as_slice().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchors(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    anchors: Vec<TrustAnchor>,
    fingerprint: [u8; 32],
}

/// The error of a [`TrustAnchorStore`]: the trust anchors are unavailable.
///
/// ```
/// use kliento_tower::TrustAnchorError;
///
/// let error = TrustAnchorError::new("connection refused");
/// assert_eq!(error.to_string(), "trust anchors unavailable: connection refused");
/// ```
#[derive(Clone, Debug)]
pub struct TrustAnchorError(Arc<dyn Error + Send + Sync>);

impl TrustAnchors {
    /// Creates a set of anchors; order and duplicates are ignored.
    pub fn new(anchors: impl IntoIterator<Item = TrustAnchor>) -> Self {
        let mut anchors: Vec<_> = anchors.into_iter().collect();
        anchors.sort_by_cached_key(ToString::to_string);
        anchors.dedup();
        let mut digest = blake3::Hasher::new();
        for anchor in &anchors {
            digest.update(anchor.to_string().as_bytes()).update(b"\n");
        }
        Self(Arc::new(Inner { anchors, fingerprint: digest.finalize().into() }))
    }

    /// Returns the keys of the DNS root that IANA publishes, as built into this version.
    #[must_use]
    pub fn iana() -> Self {
        Self::new(TrustAnchor::iana())
    }

    /// Returns the anchors.
    #[must_use]
    pub fn as_slice(&self) -> &[TrustAnchor] {
        &self.0.anchors
    }

    /// Returns whether it has each anchor of another set.
    pub(crate) fn contains_all_of(&self, other: &Self) -> bool {
        self == other || other.as_slice().iter().all(|anchor| self.as_slice().contains(anchor))
    }

    /// Returns a digest of the anchors.
    ///
    /// The cache key of a bundle contains it, so a bundle that was verified with one set is
    /// verified again with another. It depends only on the anchors, so no store can forget to
    /// change it.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.0.fingerprint
    }
}

impl fmt::Display for TrustAnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trust anchors unavailable: {}", self.0)
    }
}

impl Error for TrustAnchorError {
    /// The cause itself, so that it can be downcast.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<Vec<TrustAnchor>> for TrustAnchors {
    fn from(anchors: Vec<TrustAnchor>) -> Self {
        Self::new(anchors)
    }
}

impl TrustAnchorError {
    /// Creates an error with this cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

/// A constant set.
#[async_trait]
impl TrustAnchorStore for TrustAnchors {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.clone())
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        Some(self.clone())
    }
}

#[async_trait]
impl<T: TrustAnchorStore + ?Sized> TrustAnchorStore for Arc<T> {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        (**self).snapshot().await
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        (**self).try_current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_can_be_downcast() {
        let error = TrustAnchorError::new(fmt::Error);
        let cause = error.source().and_then(<dyn Error>::downcast_ref::<fmt::Error>);
        assert!(cause.is_some());
    }

    #[test]
    fn fingerprint_depends_only_on_the_set() {
        let [first, second] = TrustAnchor::iana().try_into().unwrap();
        let set = |anchors: &[&TrustAnchor]| TrustAnchors::new(anchors.iter().copied().cloned());
        let both = set(&[&first, &second]);
        assert_eq!(both, set(&[&second, &first, &second]));
        assert_ne!(both.fingerprint(), set(&[&first]).fingerprint());
        assert_ne!(set(&[&first]).fingerprint(), set(&[]).fingerprint());
    }
}
