//! All routes: the page, the API below `/api`, and the layers around them.

use std::time::Duration;

use axum::Router;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use kleidia_tower::Rejection;
use kleidia_tower::account::Accounts;
use kleidia_tower::api::Api;
use kleidia_tower::rate_limit::{ForwardingHeader, Limit, TrustedProxies};
use kleidia_tower::rbac::WorkloadRules;
use kliento_tower::{KlientoAuthLayer, TrustAnchors};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::settings::Settings;
use crate::{BoxError, page};

/// The time until the response begins, including the wait for a login's permit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum length of a method or a request target in the log.
const MAX_LOGGED_CHARACTERS: usize = 256;

/// Returns the routes of the page and the API, with all layers.
pub(crate) fn router(accounts: Accounts, settings: &Settings) -> Result<Router, BoxError> {
    let login = settings.login_limit.clone().map_or_else(|| "60/60".parse(), Ok::<Limit, _>)?;
    let api = settings.api_limit.clone().map_or_else(|| "1200/60".parse(), Ok::<Limit, _>)?;
    let proxies = settings.trusted_proxy.iter().copied();
    let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, proxies);
    let mut api = Api::new(accounts)
        .with_login_limit(login)
        .with_request_limit(api)
        .with_trusted_proxies(proxies);
    if let Some(audience) = &settings.kliento_audience {
        let mut layer = KlientoAuthLayer::new(audience);
        if !settings.kliento_trust_anchor.is_empty() {
            let anchors = settings.kliento_trust_anchor.clone();
            layer = layer.with_trust_anchors(TrustAnchors::new(anchors));
        }
        // Each workload may read its own identity. Add rules here to allow more.
        api = api.with_workloads(layer, WorkloadRules::default());
    }
    let routes = Router::new().nest("/api", api.into_router()).merge(page::routes());
    Ok(routes.layer(
        ServiceBuilder::new()
            // Before anything that might print the headers.
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            // Sees every response, with the `Rejection` in its extensions.
            .layer(TraceLayer::new_for_http().make_span_with(span).on_response(log).on_failure(()))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT)),
    ))
}

/// Request targets contain no secrets, but may contain characters that are not ASCII, such as ones
/// that hide or reorder the text of the log.
fn span<B>(request: &Request<B>) -> Span {
    let visible = |text: &str| -> String {
        let visible = |character: char| if character.is_ascii_graphic() { character } else { '?' };
        text.chars().take(MAX_LOGGED_CHARACTERS).map(visible).collect()
    };
    let (method, uri) = (visible(request.method().as_str()), visible(&request.uri().to_string()));
    tracing::info_span!("request", %method, %uri, version = ?request.version())
}

fn log<B>(response: &http::Response<B>, latency: Duration, _: &Span) {
    let (status, duration_ms) = (response.status().as_u16(), latency.as_millis());
    let rejection = response.extensions().get::<Rejection>();
    // Busy responses come in floods; their code is logged below.
    let is_error =
        response.status().is_server_error() && !matches!(rejection, Some(Rejection::Busy));
    if let Some(rejection) = rejection.filter(|_| is_error) {
        tracing::error!(status, duration_ms, reason = %rejection, "request failed");
    }
    let code = rejection.map(Rejection::code);
    tracing::info!(status, duration_ms, code, "answered");
}
