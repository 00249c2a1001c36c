//! Bodies of requests: JSON, in its media type, within a bound.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::Rejection;

/// The most octets of a body; agents' keys are the longest part.
pub(super) const MAX_OCTETS: usize = 16 * 1024;

/// A body of JSON. Browsers send that to other sites only after a preflight request, which is
/// never granted here, so that no other site can act for its visitors (Fetch, 4.8).
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(Rejection::MalformedRequest(reason(&rejection))),
        }
    }
}

/// What is wrong, in words of ours: the library's repeat what the client sent.
fn reason(rejection: &JsonRejection) -> &'static str {
    match rejection {
        JsonRejection::JsonDataError(_) => "the JSON has other members",
        JsonRejection::JsonSyntaxError(_) => "no JSON",
        JsonRejection::MissingJsonContentType(_) => "the media type is not application/json",
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => "the body is too long",
        _ => "the body can't be read",
    }
}
