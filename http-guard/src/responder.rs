//! `Responder`: makes the body of the response to a rejected request.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};

use crate::Rejection;

/// Makes the responses to rejected requests. Closures implement it.
///
/// [`RejectionRenderer`](crate::RejectionRenderer) sets the status, `WWW-Authenticate`,
/// `Retry-After` and `Cache-Control` of the response, and renders gRPC responses itself, so that a
/// responder cannot break the protocol.
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, request::Parts};
/// use http_guard::{Rejection, RejectionRenderer};
///
/// fn plain_text<R: Rejection>() -> RejectionRenderer<R> {
///     RejectionRenderer::new("Bearer", "example").with_responder(
///         |rejection: &R, _request: &Parts| {
///             Response::new(Bytes::from_static(rejection.problem().code().as_bytes()))
///         },
///     )
/// }
/// ```
pub trait Responder<R>: Send + Sync + 'static {
    /// Makes the response to this request, for this reason.
    fn respond(&self, rejection: &R, request: &Parts) -> Response<Bytes>;
}

/// Responds with problem details (RFC 9457): `title`, `status`, `detail`, the stable `code`, and
/// the rejection's [members](Rejection::members).
///
/// ```json
/// {"code":"token_expired","detail":"The access token has expired","status":401,"title":"Unauthorized"}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemResponder;

impl<R: Rejection> Responder<R> for ProblemResponder {
    fn respond(&self, rejection: &R, _: &Parts) -> Response<Bytes> {
        let problem = rejection.problem();
        let mut members = rejection.members();
        members.insert("title".to_owned(), problem.status().canonical_reason().into());
        members.insert("status".to_owned(), problem.status().as_u16().into());
        members.insert("detail".to_owned(), problem.detail().into());
        members.insert("code".to_owned(), problem.code().into());
        let body = serde_json::Value::Object(members).to_string();
        let mut response = Response::new(Bytes::from(body));
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

impl<R, F> Responder<R> for F
where
    F: Fn(&R, &Parts) -> Response<Bytes> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &R, request: &Parts) -> Response<Bytes> {
        self(rejection, request)
    }
}
