//! Why a request was not sent, or not answered.

use std::time::Duration;

use kliento::Timestamp;

use super::SourceError;

/// The error of a [`KlientoClient`](super::KlientoClient).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// The request was not sent: there is no token bundle for it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The service's own error.
    #[error(transparent)]
    Service(E),
}

/// Why there is no valid token bundle.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The source has none.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's is of no use any more.
    #[error("the source's token bundle lapsed at {end}, and it is {now}")]
    Lapsed {
        /// When it ended.
        end: Timestamp,
        /// The time when it was obtained.
        now: Timestamp,
    },
    /// The source does not answer.
    #[error("the source of token bundles did not answer within {0:?}")]
    Timeout(Duration),
    /// The source panicked, or the runtime that it ran on was shut down.
    #[error("the source of token bundles was given up")]
    Abandoned,
    /// The clock does not tell the time.
    #[error("the clock does not tell the time")]
    Clock,
    /// The service was called outside of a tokio runtime.
    #[error("token bundles can only be obtained within a tokio runtime")]
    Runtime,
}
