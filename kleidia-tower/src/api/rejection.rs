//! Rejections of handlers, which the API renders in one place.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_guard::RejectionRenderer;

use crate::Rejection;

/// A rejection by a handler or an extractor. [`render`] replaces it by the response.
#[derive(Clone)]
pub(super) struct ApiRejection(Rejection);

impl<E: Into<Rejection>> From<E> for ApiRejection {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiRejection {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Renders the rejections of handlers, with the API's responder and realm.
pub(super) async fn render(
    State(renderer): State<RejectionRenderer<Rejection>>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let response = next.run(Request::from_parts(head.clone(), body)).await;
    let Some(ApiRejection(rejection)) = response.extensions().get::<ApiRejection>().cloned() else {
        return response;
    };
    // Keep `Allow`, and the headers of layers inside.
    let mut headers = response.into_parts().0.headers;
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    let mut response = renderer.render(&head, rejection).map(Body::from);
    headers.extend(std::mem::take(response.headers_mut()));
    *response.headers_mut() = headers;
    response
}
