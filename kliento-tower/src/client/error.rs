//! Errors of the client.

use std::time::Duration;

use kliento_core::Timestamp;
use veraid::Excerpt;

use super::{Origin, OriginError, SourceError};

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

/// An invalid configuration of a [`KlientoClientLayer`](super::KlientoClientLayer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginConfigError {
    /// The text is not an origin.
    #[error(transparent)]
    Invalid(#[from] OriginError),
    /// A second origin would receive the same bundle, and could use it at the first one.
    #[error("second origin {second} after {first}: map origins to audiences with with_audience")]
    SecondOrigin {
        /// The origin that is configured already.
        first: Origin,
        /// The other origin.
        second: Origin,
    },
    /// The origin has another audience already.
    #[error("{origin} is configured twice with different audiences")]
    Conflict {
        /// The origin.
        origin: Origin,
    },
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
    /// The source returned a bundle for another audience than that of the request's origin.
    #[error("token bundle for another audience: expected {expected:?}, found {:?}", Excerpt(found))]
    Audience {
        /// The audience of the origin.
        expected: String,
        /// The bundle's.
        found: String,
    },
    /// The layer has no origins configured, and has attached its bundle to requests to another one.
    ///
    /// `None` is the target of requests without an origin, which are paths on a connection.
    #[error(
        "second origin {} after {}: map origins to audiences with with_audience",
        display_origin(.second.as_ref()),
        display_origin(.first.as_ref())
    )]
    SecondOrigin {
        /// The origin of the first request.
        first: Option<Origin>,
        /// The origin of this request.
        second: Option<Origin>,
    },
    /// The request's target has neither of the schemes `http` and `https`.
    #[error(transparent)]
    Target(#[from] OriginError),
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

fn display_origin(origin: Option<&Origin>) -> String {
    origin.map_or_else(|| "(the connection)".to_owned(), ToString::to_string)
}
