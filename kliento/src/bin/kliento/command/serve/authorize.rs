//! `GET|HEAD /authorize`: asks for a proxy whether a request is authorized.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};

use super::api::error_response;
use super::authorizer::Authorizer;
use super::traces::TraceContext;

/// Returns the route, which is not found without an authorizer.
pub(super) fn route(authorizer: Option<Authorizer>) -> MethodRouter {
    match authorizer {
        // axum responds to HEAD as to GET, without the body.
        Some(authorizer) => get(authorize).fallback(reject_method).with_state(authorizer),
        None => any(reject_unconfigured),
    }
}

async fn authorize(State(authorizer): State<Authorizer>, request: Request) -> Response {
    let headers = request.headers();
    let context = TraceContext::from_headers(headers);
    let answer = authorizer.authorize(headers);
    authorizer.traces().trace("/authorize", context, answer).await.map(Body::from)
}

async fn reject_method(State(authorizer): State<Authorizer>) -> Response {
    let error = "Only GET and HEAD are allowed";
    let mut response = error_response(StatusCode::METHOD_NOT_ALLOWED, error);
    authorizer.headers().insert_empty(response.headers_mut());
    response
}

async fn reject_unconfigured() -> Response {
    let error = "Not found: /authorize needs the option --audience";
    error_response(StatusCode::NOT_FOUND, error)
}
