//! The error of a chain that is kept fresh.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use veraid::{DnssecError, MalformedChain};

use crate::TrustAnchorError;

/// The error of a [`ChainSource`](super::ChainSource).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No chain is valid now: none was fetched, or the last one has expired.
    #[error("no valid chain: {}", .0.as_ref().map_or_else(|| "not fetched yet".to_owned(), ToString::to_string))]
    Unavailable(Option<Arc<Self>>),
    /// The fetcher failed.
    #[error("failed to fetch the chain: {0}")]
    Fetch(Arc<dyn Error + Send + Sync>),
    /// The fetcher did not respond in time.
    #[error("failed to fetch the chain: no response within {0:?}")]
    Timeout(Duration),
    /// The fetched chain is not valid now.
    #[error("the fetched chain is invalid: {0}")]
    Invalid(#[from] Arc<DnssecError>),
    /// The chain in a file is malformed.
    #[error("malformed chain in {}: {source}", path.display())]
    Malformed {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: Arc<MalformedChain>,
    },
    /// Reading or writing a file failed.
    #[error("{operation} {} failed: {source}", path.display())]
    File {
        /// `reading` or `writing`.
        operation: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// The trust anchors are unavailable.
    #[error(transparent)]
    TrustAnchors(#[from] TrustAnchorError),
    /// The clock is unavailable.
    #[error("clock unavailable")]
    ClockUnavailable,
    /// The task was started outside a tokio runtime.
    #[error("keeping a chain fresh requires a tokio runtime")]
    NoTokioRuntime,
}
