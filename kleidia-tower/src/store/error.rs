//! Why a store did not do what it was asked for.

use std::error::Error;
use std::sync::Arc;

/// A store can't be reached, or holds what it should not: nothing was changed, and nothing is
/// granted; the answer is 503.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It can't be reached, or gave up.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// It holds something that it should not.
    #[error("the store holds what it should not: {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// It can't be reached, for this reason, which must hold no secret.
    pub fn unavailable(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(reason.into().into())
    }
}
