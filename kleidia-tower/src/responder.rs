//! What a refusal looks like to the client.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use serde_json::json;

use crate::Rejection;

/// Makes the responses to refused requests; a closure will do.
///
/// Status, `WWW-Authenticate`, `Retry-After` and the `RateLimit` fields are set on what comes out,
/// and gRPC requests are answered apart, so that a responder can't break the protocol.
pub trait Responder: Send + Sync + 'static {
    /// Makes a response to this request, for this reason.
    fn respond(&self, rejection: &Rejection, request: &Parts) -> Response<Bytes>;
}

/// Answers with problem details (RFC 9457): `title`, `status`, `detail`, the stable `code`, and
/// `reasons` where a password is rejected.
///
/// ```json
/// {"code":"session_expired","detail":"The session is over","status":401,"title":"Unauthorized"}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemResponder;

impl Responder for ProblemResponder {
    fn respond(&self, rejection: &Rejection, _: &Parts) -> Response<Bytes> {
        let status = rejection.status();
        let mut problem = json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": rejection.detail(),
            "code": rejection.code(),
        });
        if let Some(problem) = problem.as_object_mut() {
            problem.extend(rejection.members());
        }
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
