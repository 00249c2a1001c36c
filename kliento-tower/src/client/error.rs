//! Errors of the client.

use std::time::Duration;

use kliento::Timestamp;

use super::SourceError;

/// The error of a [`KlientoClient`](super::KlientoClient).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// The request was not sent, since there is no token bundle for it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The inner service failed.
    #[error(transparent)]
    Service(E),
}

/// The reason why there is no valid token bundle.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source returned an expired bundle.
    #[error("token bundle expired at {valid_until} (now {now})")]
    Expired {
        /// The last instant at which the bundle was valid.
        valid_until: Timestamp,
        /// The time at which the source returned it.
        now: Timestamp,
    },
    /// The source did not respond in time.
    #[error("the source of token bundles did not respond within {0:?}")]
    Timeout(Duration),
    /// The source panicked, or its runtime was shut down.
    #[error("token bundle refresh aborted")]
    RefreshAborted,
    /// The clock is unavailable.
    #[error("clock unavailable")]
    ClockUnavailable,
    /// The service was called outside a tokio runtime.
    #[error("refreshing a token bundle requires a tokio runtime")]
    NoTokioRuntime,
}
