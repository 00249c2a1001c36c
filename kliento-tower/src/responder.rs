//! The responses to rejected requests.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use serde_json::json;

use crate::Rejection;

/// Creates the responses to rejected requests.
///
/// The layer then sets the status, `WWW-Authenticate` and `Retry-After`, and responds to gRPC
/// requests itself, so a responder cannot break the protocol. Closures implement this trait:
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, request::Parts};
/// use kliento_tower::{KlientoAuthLayer, Rejection};
///
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_responder(|rejection: &Rejection, _request: &Parts| {
///         Response::new(Bytes::from_static(rejection.code().as_bytes()))
///     });
/// ```
pub trait Responder: Send + Sync + 'static {
    /// Returns the response to a request that was rejected for this reason.
    fn respond(&self, rejection: &Rejection, request: &Parts) -> Response<Bytes>;
}

/// Responds with problem details (RFC 9457): `title`, `status`, `detail`, and the stable `code`.
///
/// ```json
/// {"code":"credentials_missing","detail":"Kliento credentials are required","status":401,"title":"Unauthorized"}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemResponder;

impl Responder for ProblemResponder {
    fn respond(&self, rejection: &Rejection, _: &Parts) -> Response<Bytes> {
        let status = rejection.status();
        let problem = json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": rejection.detail(),
            "code": rejection.code(),
        });
        let mut response = Response::new(Bytes::from(problem.to_string()));
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

impl<F> Responder for F
where
    F: Fn(&Rejection, &Parts) -> Response<Bytes> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection, request: &Parts) -> Response<Bytes> {
        self(rejection, request)
    }
}
