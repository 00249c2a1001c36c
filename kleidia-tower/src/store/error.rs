//! Errors of stores.

use std::error::Error;
use std::sync::Arc;

use crate::audit::LogConflict;

/// An error of a store. Nothing was changed and nothing is granted; the response is 503.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store is unavailable.
    #[error("store unavailable: {0}")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// Too many operations wait for the store.
    #[error("the store's queue is full")]
    Busy,
    /// The store contains invalid data.
    #[error("the store contains an invalid {0}")]
    Corrupt(&'static str),
    /// The audit log is not the one that this process has known, or has another key.
    #[error(transparent)]
    Log(LogConflict),
}

impl StoreError {
    /// Wraps the cause of an unavailable store. It must not contain secrets.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into().into())
    }
}
