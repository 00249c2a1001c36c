//! `StreamWatch` as an argument of axum's handlers (feature `axum`).

use std::error::Error;
use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use super::{StreamEnd, StreamWatch};
use crate::ExtractionRejection;

/// An error from extracting a [`StreamWatch`] (feature `axum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamWatchRejection {
    /// No layer watches the caller: the service's mistake, so the status is 500.
    MissingWatch,
    /// The stream cannot be opened.
    Ended(StreamEnd),
}

/// Extracts the watch of the caller, and opens a stream (feature `axum`).
///
/// So a request for an upgrade is rejected with 429 if its principal has too many streams.
/// `Option<StreamWatch>` is for handlers that also serve callers who are not authenticated.
///
/// ```
/// use http_guard::stream::StreamWatch;
///
/// async fn job(watch: StreamWatch) {
///     let work = async { /* ... */ };
///     let _ended = watch.run_until_ended(work).await;
/// }
/// ```
impl<S: Sync> FromRequestParts<S> for StreamWatch {
    type Rejection = StreamWatchRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StreamWatchRejection> {
        open(parts)?.ok_or(StreamWatchRejection::MissingWatch)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for StreamWatch {
    type Rejection = StreamWatchRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, StreamWatchRejection> {
        open(parts)
    }
}

fn open(parts: &Parts) -> Result<Option<StreamWatch>, StreamWatchRejection> {
    let watch = parts.extensions.get::<StreamWatch>();
    watch.map(|watch| watch.open().map_err(StreamWatchRejection::Ended)).transpose()?;
    Ok(watch.cloned())
}

impl IntoResponse for StreamWatchRejection {
    fn into_response(self) -> Response {
        match self {
            Self::MissingWatch => {
                let layer = "a layer that watches streams";
                ExtractionRejection::<StreamEnd>::MissingLayer { layer }.into_response()
            }
            Self::Ended(end) => end.into_rejection().map(Body::from),
        }
    }
}

impl fmt::Display for StreamWatchRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingWatch => f.write_str("missing layer that watches streams on this route"),
            Self::Ended(end) => end.fmt(f),
        }
    }
}

impl Error for StreamWatchRejection {}
