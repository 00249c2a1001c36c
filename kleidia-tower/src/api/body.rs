//! JSON bodies of requests, in their media type and within a limit.

use std::error::Error as _;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::rejection::ApiRejection;
use crate::{InvalidField, Rejection};

/// The maximum length of a body; the public keys of agents are the longest part.
pub(super) const MAX_OCTETS: usize = 16 * 1024;

/// A JSON body. Browsers send JSON to other sites only after a preflight request, which this API
/// never grants, so no other site can act for its visitors (Fetch, 4.8).
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiRejection> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(error) => Err(rejection(&error).into()),
        }
    }
}

/// Maps an error to a fixed text, since the messages of the libraries quote the request.
fn rejection(error: &JsonRejection) -> Rejection {
    Rejection::MalformedRequest(match error {
        JsonRejection::JsonDataError(error) => {
            let source = error.source().and_then(|error| error.source());
            let source = source.and_then(|source| source.downcast_ref());
            match source.and_then(invalid_field) {
                Some(field) => return Rejection::InvalidFields(vec![field]),
                None => "The body is not the expected JSON object",
            }
        }
        JsonRejection::JsonSyntaxError(_) => "The body is not valid JSON",
        JsonRejection::MissingJsonContentType(_) => "The content type must be application/json",
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => "The body is too long",
        _ => "The body cannot be read",
    })
}

/// Returns the invalid field. serde names missing, duplicate and unknown fields in its message
/// only.
fn invalid_field(error: &serde_path_to_error::Error<serde_json::Error>) -> Option<InvalidField> {
    let message = error.inner().to_string();
    let quoted = |prefix: &str| Some(message.strip_prefix(prefix)?.split_once('`')?.0.to_owned());
    if let Some(field) = quoted("missing field `") {
        return Some(InvalidField::new(field, "missing", "The field is required"));
    }
    if let Some(field) = quoted("duplicate field `") {
        return Some(InvalidField::new(field, "duplicate", "The field occurs more than once"));
    }
    if let Some(field) = quoted("unknown field `") {
        // The client chose the name: quote it only if it has the form of one.
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        let is_quotable = field.len() <= 32 && field.bytes().all(is_name);
        let field = if is_quotable { field } else { String::new() };
        return Some(InvalidField::new(field, "unknown", "The field is not supported"));
    }
    let path = error.path().to_string();
    let detail = "The value has the wrong type";
    (path != ".").then(|| InvalidField::new(path, "wrong_type", detail))
}
