//! Sources of the keys of access tokens.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::KeyRing;
use crate::HealthError;

/// A source of the keys that sign and verify access tokens.
///
/// It is called for every token that is issued or verified, so a rotation takes effect immediately.
/// A [`KeyRing`] is itself a provider of fixed keys. A [`KeyFile`](super::KeyFile) reads them from
/// a file, and again when it changes.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// Returns the current keys.
    ///
    /// # Errors
    /// [`KeyError`] if the keys are unavailable. The response is then 503.
    async fn keys(&self) -> Result<KeyRing, KeyError>;

    /// Returns the current keys if they are available without waiting. It is called before
    /// [`Self::keys`], and returns `None` by default.
    fn try_current(&self) -> Option<KeyRing> {
        None
    }

    /// Returns keys that contain the key with this ID, or `None` if there is no such key. It is
    /// called for a token that names a key which the current keys do not have: another node may
    /// have read newer keys before. Returns `None` by default.
    ///
    /// Such tokens can be forged without limit. So an implementation that reads a source bounds how
    /// often it does.
    ///
    /// # Errors
    /// [`KeyError`] if this is unknown, because the source is unavailable. The response is then 503.
    async fn keys_with(&self, id: &str) -> Result<Option<KeyRing>, KeyError> {
        let _ = id;
        Ok(None)
    }

    /// Reads the keys again, since another node's keys lost one
    /// ([`KeyWatch`](crate::session::KeyWatch)). Does nothing by default.
    ///
    /// Each node calls it for the withdrawal of each other, so an implementation that reads a source
    /// bounds how often it does.
    ///
    /// # Errors
    /// [`KeyError`] if the keys were not read.
    async fn refresh(&self) -> Result<(), KeyError> {
        Ok(())
    }

    /// Returns what changes whenever the current keys have lost a key; `None` by default: then a
    /// [`KeyWatch`](crate::session::KeyWatch) does not publish it.
    fn withdrawals(&self) -> Option<watch::Receiver<()>> {
        None
    }

    /// Checks that changes of the keys are noticed, for the health route; `Ok` by default.
    ///
    /// # Errors
    /// [`HealthError`] if the keys are not being read again: those in use may be outdated.
    fn health(&self) -> Result<(), HealthError> {
        Ok(())
    }
}

/// An error from a [`KeyProvider`]: the keys are unavailable.
#[derive(Debug, thiserror::Error)]
#[error("keys unavailable: {0}")]
pub struct KeyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl KeyError {
    /// Creates an error from its cause, which must not contain secrets.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

#[async_trait]
impl KeyProvider for KeyRing {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(self.clone())
    }

    fn try_current(&self) -> Option<KeyRing> {
        Some(self.clone())
    }
}

#[async_trait]
impl<T: KeyProvider + ?Sized> KeyProvider for Arc<T> {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        (**self).keys().await
    }

    fn try_current(&self) -> Option<KeyRing> {
        (**self).try_current()
    }

    async fn keys_with(&self, id: &str) -> Result<Option<KeyRing>, KeyError> {
        (**self).keys_with(id).await
    }

    async fn refresh(&self) -> Result<(), KeyError> {
        (**self).refresh().await
    }

    fn withdrawals(&self) -> Option<watch::Receiver<()>> {
        (**self).withdrawals()
    }

    fn health(&self) -> Result<(), HealthError> {
        (**self).health()
    }
}
