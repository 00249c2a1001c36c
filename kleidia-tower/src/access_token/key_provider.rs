//! Where the keys of access tokens come from.

use std::sync::Arc;

use async_trait::async_trait;

use super::KeyRing;

/// Tells which keys sign and verify now.
///
/// It is asked whenever a token is signed or verified, so a rotation takes effect at once. A
/// [`KeyRing`] is itself a provider, whose keys never change; a [`KeyFile`](super::KeyFile) is read
/// again when it changes.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// The keys of now.
    ///
    /// # Errors
    /// [`KeyError`] if they can't be had: then nothing is granted, and the answer is 503.
    async fn keys(&self) -> Result<KeyRing, KeyError>;

    /// The keys of now, if they can be told without waiting; it is asked first.
    fn current(&self) -> Option<KeyRing> {
        None
    }
}

/// The keys can't be had.
#[derive(Debug, thiserror::Error)]
#[error("the keys can't be had: {0}")]
pub struct KeyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl KeyError {
    /// They can't be had, for this reason, which must hold no secret.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

#[async_trait]
impl KeyProvider for KeyRing {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(self.clone())
    }

    fn current(&self) -> Option<KeyRing> {
        Some(self.clone())
    }
}

#[async_trait]
impl<T: KeyProvider + ?Sized> KeyProvider for Arc<T> {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        (**self).keys().await
    }

    fn current(&self) -> Option<KeyRing> {
        (**self).current()
    }
}
