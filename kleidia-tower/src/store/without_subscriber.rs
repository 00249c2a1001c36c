//! Keeps the drivers of databases out of the log.

use tracing::Dispatch;
use tracing::instrument::{WithDispatch, WithSubscriber as _};

/// Runs statements without a subscriber. Drivers log the values of parameters, such as the digests
/// of tokens, and call the subscriber within requests, which would end with it if it panics.
pub(super) fn without_subscriber<F: Future>(statements: F) -> WithDispatch<F> {
    statements.with_subscriber(Dispatch::none())
}
