//! The layers around the routes, and their order: the first one sees requests first.

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use axum::{BoxError, Router};
use kliento_tower::Rejection;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

/// How many requests are answered at the same time; further ones are refused with 503.
pub(crate) const REQUESTS: usize = 512;
/// How long it may take until a response begins, verification included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Puts the layers that all services have around routes that have `KlientoAuthLayer`.
pub(crate) fn around(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            // Before anything that might print the headers.
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            // Sees every response, with the reason of a refusal in its extensions.
            .layer(TraceLayer::new_for_http().on_response(log))
            // Answers preflight requests, which never have credentials (Fetch, 4.8), and lets
            // scripts read refusals too.
            .layer(cors())
            .layer(CompressionLayer::new())
            // Refuses what is too much before it costs a verification.
            .layer(HandleErrorLayer::new(overloaded))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(REQUESTS))
            // The time that a request waits for its verification counts.
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT)),
    )
}

/// Any site may call: a script has to have a bundle and to send it, for there are no cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION])
        .expose_headers([WWW_AUTHENTICATE])
}

fn log<B>(response: &Response<B>, latency: Duration, _: &Span) {
    let (status, milliseconds) = (response.status().as_u16(), latency.as_millis());
    let reason = response.extensions().get::<Rejection>().map(Rejection::reason);
    tracing::info!(status, milliseconds, reason, "answered");
}

async fn overloaded(_: BoxError) -> impl IntoResponse {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "Too many requests at once\n")
}
