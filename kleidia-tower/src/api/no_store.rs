//! Responses that no cache keeps.

use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

/// Sets `Cache-Control: no-store`.
pub(super) async fn no_store<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
