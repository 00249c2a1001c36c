//! Extraction from the extensions of a request, for axum's extractors (feature `axum`).

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;

use crate::{LogLimiter, Rejection, Unauthenticated, event, log_text};

/// An error from extracting what a layer puts into the extensions of requests (feature `axum`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExtractionRejection<R> {
    /// The layer is missing on the route: the service's mistake, so the status is 500.
    MissingLayer {
        /// The name of the layer.
        layer: &'static str,
    },
    /// The layer let the request pass without authenticating the caller.
    Unauthenticated {
        /// The reason.
        rejection: R,
        /// The response with which the layer would have rejected the request.
        response: Box<http::Response<Bytes>>,
    },
}

/// Extracts what a layer put into the extensions of a request (feature `axum`).
///
/// # Errors
/// [`ExtractionRejection::Unauthenticated`] if the request passed the layer without authentication,
/// else [`ExtractionRejection::MissingLayer`] with this name.
pub fn extract_required<T, R>(
    parts: &Parts,
    layer: &'static str,
) -> Result<T, ExtractionRejection<R>>
where
    T: Clone + Send + Sync + 'static,
    R: Rejection,
{
    let extracted = parts.extensions.get().cloned();
    extracted.ok_or_else(|| ExtractionRejection::from_parts(parts, layer))
}

/// Extracts what a layer put into the extensions of a request, or `None` if the request passed the
/// layer without authentication (feature `axum`).
///
/// # Errors
/// [`ExtractionRejection::MissingLayer`] with this name.
pub fn extract_optional<T, R>(
    parts: &Parts,
    layer: &'static str,
) -> Result<Option<T>, ExtractionRejection<R>>
where
    T: Clone + Send + Sync + 'static,
    R: Rejection,
{
    let extracted = parts.extensions.get().cloned();
    let layer_ran = extracted.is_some() || parts.extensions.get::<Unauthenticated<R>>().is_some();
    if layer_ran { Ok(extracted) } else { Err(ExtractionRejection::MissingLayer { layer }) }
}

impl<R: Rejection> ExtractionRejection<R> {
    fn from_parts(request: &Parts, layer: &'static str) -> Self {
        match request.extensions.get::<Unauthenticated<R>>() {
            None => Self::MissingLayer { layer },
            Some(unauthenticated) => Self::Unauthenticated {
                rejection: unauthenticated.rejection().clone(),
                response: Box::new(unauthenticated.response_to(request)),
            },
        }
    }
}

impl<R: fmt::Display> fmt::Display for ExtractionRejection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLayer { layer } => write!(f, "missing {layer} on this route"),
            Self::Unauthenticated { rejection, .. } => rejection.fmt(f),
        }
    }
}

impl<R: Rejection> std::error::Error for ExtractionRejection<R> {}

/// Anyone can request a route that lacks its layer.
static MISSING_LAYER: LogLimiter = LogLimiter::per_second(5);

impl<R: Rejection> IntoResponse for ExtractionRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::MissingLayer { .. } => {
                if let Some(suppressed) = MISSING_LAYER.allow() {
                    event!(error, error = log_text(&self), suppressed, "extraction failed");
                }
                let no_store = [(CACHE_CONTROL, "no-store")];
                (StatusCode::INTERNAL_SERVER_ERROR, no_store, "Internal Server Error")
                    .into_response()
            }
            Self::Unauthenticated { response, .. } => response.map(Body::from).into_response(),
        }
    }
}
