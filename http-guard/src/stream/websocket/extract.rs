//! `WatchedWebSocketUpgrade` as an argument of axum's handlers.

use std::error::Error;
use std::fmt;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use super::super::{Reconnection, StreamEnd, StreamWatch, StreamWatchRejection};
use super::WatchedWebSocketUpgrade;
use crate::Problem;

/// An error from extracting a [`WatchedWebSocketUpgrade`] (feature `websocket`).
#[derive(Debug)]
#[non_exhaustive]
pub enum WebSocketRejection {
    /// The request is not one for a WebSocket.
    Upgrade(WebSocketUpgradeRejection),
    /// No layer watches the caller, or the stream cannot be opened.
    Watch(StreamWatchRejection),
    /// A web page of another origin has sent the request.
    OriginNotAllowed,
}

const ORIGIN_NOT_ALLOWED: StreamEnd = StreamEnd::new(
    Problem::forbidden("origin_not_allowed", "The origin of the page is not allowed"),
    Reconnection::Never,
);

impl<S: Send + Sync> FromRequestParts<S> for WatchedWebSocketUpgrade {
    type Rejection = WebSocketRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebSocketRejection> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        let upgrade = upgrade.map_err(WebSocketRejection::Upgrade)?;
        let watch = <StreamWatch as FromRequestParts<S>>::from_request_parts(parts, state).await;
        let watch = watch.map_err(WebSocketRejection::Watch)?;
        let ended = |end| WebSocketRejection::Watch(StreamWatchRejection::Ended(end));
        Self::new(upgrade, watch).map_err(ended)
    }
}

impl IntoResponse for WebSocketRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Upgrade(rejection) => rejection.into_response(),
            Self::Watch(rejection) => rejection.into_response(),
            Self::OriginNotAllowed => ORIGIN_NOT_ALLOWED.into_rejection().map(Body::from),
        }
    }
}

impl fmt::Display for WebSocketRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upgrade(rejection) => rejection.fmt(f),
            Self::Watch(rejection) => rejection.fmt(f),
            Self::OriginNotAllowed => f.write_str("origin not allowed"),
        }
    }
}

impl Error for WebSocketRejection {}
