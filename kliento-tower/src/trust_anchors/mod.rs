//! Where the trust anchors come from, and what they are at one moment.

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
use kliento::TrustAnchor;

pub use file::{TrustAnchorFile, TrustAnchorFileOptions};
pub use file_error::{ElementFault, SkipReason, SkippedAnchor, TrustAnchorFileError};

/// Tells which keys of the DNS root are trusted now.
///
/// The layer asks at every request that has credentials, so a change takes effect on the next one.
/// [`TrustAnchors`] is itself a store, whose set never changes: [`TrustAnchors::iana`] is the
/// default. Where a store fails, or its set is empty, the layer answers 503.
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
///         self.current().ok_or_else(|| TrustAnchorError::new("somebody panicked"))
///     }
///
///     fn current(&self) -> Option<TrustAnchors> {
///         self.0.read().ok().map(|anchors| anchors.clone())
///     }
/// }
/// ```
#[async_trait]
pub trait TrustAnchorStore: Send + Sync + 'static {
    /// The anchors that are trusted now.
    ///
    /// # Errors
    /// [`TrustAnchorError`] if they can't be had.
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError>;

    /// The anchors that are trusted now, if they can be told without waiting.
    ///
    /// It is asked first and must not block. A store that has its anchors in memory implements it,
    /// so that requests with known bundles need not wait; by default it tells nothing.
    fn current(&self) -> Option<TrustAnchors> {
        None
    }
}

/// A set of trust anchors at one moment, cheap to clone.
///
/// ```
/// use kliento_tower::TrustAnchors;
///
/// assert_eq!(TrustAnchors::iana().as_slice().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchors(Arc<Set>);

#[derive(Debug, PartialEq, Eq)]
struct Set {
    anchors: Vec<TrustAnchor>,
    generation: [u8; 32],
}

/// Trust anchors can't be had.
///
/// ```
/// use kliento_tower::TrustAnchorError;
///
/// let error = TrustAnchorError::new("the database does not answer");
/// assert_eq!(error.to_string(), "no trust anchors: the database does not answer");
/// ```
#[derive(Clone, Debug)]
pub struct TrustAnchorError(Arc<dyn Error + Send + Sync>);

impl TrustAnchors {
    /// A set of anchors; order and repetition do not matter.
    pub fn new(anchors: impl IntoIterator<Item = TrustAnchor>) -> Self {
        let mut anchors: Vec<_> = anchors.into_iter().collect();
        anchors.sort_by_cached_key(ToString::to_string);
        anchors.dedup();
        let mut digest = blake3::Hasher::new();
        for anchor in &anchors {
            digest.update(anchor.to_string().as_bytes()).update(b"\n");
        }
        Self(Arc::new(Set { anchors, generation: digest.finalize().into() }))
    }

    /// The keys of the DNS root that IANA publishes, as built into this version.
    #[must_use]
    pub fn iana() -> Self {
        Self::new(TrustAnchor::iana())
    }

    /// The anchors.
    #[must_use]
    pub fn as_slice(&self) -> &[TrustAnchor] {
        &self.0.anchors
    }

    /// A digest of the anchors, which tells sets apart.
    ///
    /// It follows from the anchors alone, so that no store can forget to change it: what was
    /// verified from one set is never taken for verified from another.
    #[must_use]
    pub fn generation(&self) -> &[u8; 32] {
        &self.0.generation
    }
}

impl fmt::Display for TrustAnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no trust anchors: {}", self.0)
    }
}

impl Error for TrustAnchorError {
    /// The reason itself, for those who look for a type of theirs.
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
    /// The anchors can't be had, for this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(reason.into()))
    }
}

/// A set that never changes.
#[async_trait]
impl TrustAnchorStore for TrustAnchors {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.clone())
    }

    fn current(&self) -> Option<TrustAnchors> {
        Some(self.clone())
    }
}

#[async_trait]
impl<T: TrustAnchorStore + ?Sized> TrustAnchorStore for Arc<T> {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        (**self).snapshot().await
    }

    fn current(&self) -> Option<TrustAnchors> {
        (**self).current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_can_be_found() {
        let error = TrustAnchorError::new(fmt::Error);
        let reason = error.source().and_then(<dyn Error>::downcast_ref::<fmt::Error>);
        assert!(reason.is_some());
    }

    #[test]
    fn the_generation_follows_from_the_set() {
        let [first, second] = TrustAnchor::iana().try_into().unwrap();
        let set = |anchors: &[&TrustAnchor]| TrustAnchors::new(anchors.iter().copied().cloned());
        let both = set(&[&first, &second]);
        assert_eq!(both, set(&[&second, &first, &second]));
        assert_ne!(both.generation(), set(&[&first]).generation());
        assert_ne!(set(&[&first]).generation(), set(&[]).generation());
    }
}
