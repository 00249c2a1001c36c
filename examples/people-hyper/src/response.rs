//! The responses of all routes, with boxed bodies.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use serde_json::Value;
use tower::BoxError;

/// A response of any route.
pub(crate) type HttpResponse = Response<BoxBody<Bytes, BoxError>>;

/// Boxes the body, since each layer adds a type of its own.
pub(crate) fn boxed<B>(response: Response<B>) -> HttpResponse
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    response.map(|body| body.map_err(Into::into).boxed())
}

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> HttpResponse {
    let mut response = boxed(Response::new(Full::default()));
    *response.status_mut() = status;
    response
}

/// Returns a JSON response that caches do not store.
pub(crate) fn json(value: &Value) -> HttpResponse {
    let mut response = boxed(Response::new(Full::from(value.to_string())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
