//! The layers around the routes, and their order: the first one sees requests first.

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::{BoxError, Router};
use http_guard::{LogLimiter, log_text};
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

/// The maximum number of concurrent requests; further ones get 503.
pub(crate) const MAX_CONCURRENT_REQUESTS: usize = 512;
/// The time until the response begins, verification included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One route is open to everyone.
static SUCCESSES: LogLimiter = LogLimiter::per_second(5);
/// Anyone can send requests that fail.
static FAILURES: LogLimiter = LogLimiter::per_second(5);

/// Adds the layers that most services have to routes with `KlientoAuthLayer`.
pub(crate) fn with_layers(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            // Before anything that might print the headers.
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            // Sees every response, with the `Rejection` in its extensions. By default it would log
            // an error for each 503, which come in floods, and targets of any length.
            .layer(TraceLayer::new_for_http().make_span_with(span).on_response(log).on_failure(()))
            // Answers preflight requests, which never have credentials (Fetch, 4.8), and lets
            // scripts read rejections.
            .layer(cors())
            .layer(CompressionLayer::new())
            // Rejects excess requests before they cost a verification.
            .layer(HandleErrorLayer::new(overloaded))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(MAX_CONCURRENT_REQUESTS))
            // Includes the time that a request waits for its verification.
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT)),
    )
}

/// Allows every origin: there are no cookies, so a script must hold a bundle itself.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION])
        .expose_headers([WWW_AUTHENTICATE])
}

/// Clients choose the method and the target, so both are cut.
fn span<B>(request: &Request<B>) -> Span {
    let (method, uri) = (log_text(request.method()), log_text(request.uri()));
    tracing::debug_span!("request", method, uri)
}

fn log<B>(response: &Response<B>, latency: Duration, _: &Span) {
    let (status, duration_ms) = (response.status().as_u16(), latency.as_millis());
    let rejection = response.extensions().get::<Rejection>();
    let reason = rejection.map(|rejection| log_text(rejection.reason()));
    let limiter = if response.status().is_success() { &SUCCESSES } else { &FAILURES };
    if let Some(suppressed) = limiter.allow() {
        tracing::info!(status, duration_ms, reason, suppressed, "request completed");
    }
}

async fn overloaded(_: BoxError) -> impl IntoResponse {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "Too many concurrent requests\n")
}

#[cfg(test)]
mod tests;
