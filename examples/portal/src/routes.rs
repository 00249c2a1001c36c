//! All routes: the page, the API below `/api`, and the layers around them.

use std::time::Duration;

use axum::Router;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, Request, StatusCode};
use http_guard::{LogLimiter, log_text};
use kleidia_tower::Rejection;
use kleidia_tower::api::Api;
use kleidia_tower::rate_limit::Limit;
use kleidia_tower::rbac::WorkloadRules;
use kleidia_tower::session::SessionCookies;
use kliento_tower::{KlientoAuthLayer, TrustAnchors};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::settings::{Period, Settings};
use crate::{BoxError, page};

/// The time until the response begins, including the wait for a login's permit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that succeed: some routes are open to everyone.
static SUCCESSES: LogLimiter = LogLimiter::per_second(5);
/// Rejected requests, which every client can send.
static REJECTIONS: LogLimiter = LogLimiter::per_second(5);
/// Responses with server errors, which come in floods.
static FAILURES: LogLimiter = LogLimiter::per_second(3);

/// The request headers with access tokens and device tokens.
const SECRET_HEADERS: [HeaderName; 3] =
    [AUTHORIZATION, COOKIE, HeaderName::from_static("x-device-token")];

/// Returns the routes of the page and the API, with all layers.
pub(crate) fn router(api: Api, settings: &Settings) -> Result<Router, BoxError> {
    let login = settings.login_limit.clone().map_or_else(|| "60/60".parse(), Ok::<Limit, _>)?;
    let requests = settings.api_limit.clone().map_or_else(|| "1200/60".parse(), Ok::<Limit, _>)?;
    let mut api = api
        .with_cookies(SessionCookies::new("/api/auth/refresh")?)
        .with_login_limit(login)
        .with_request_limit(requests)
        .with_trusted_proxies(settings.proxies()?);
    if let Some(audience) = &settings.kliento_audience {
        let layer = kliento_layer(audience, settings)?;
        // Each workload may read its own identity. Add rules here to allow more.
        api = api.with_workloads(layer, WorkloadRules::default());
    } else if has_settings_of_kliento(settings) {
        return Err("options that begin with --kliento- need --kliento-audience".into());
    }
    let routes = Router::new().nest("/api", api.into_router()).merge(page::routes());
    Ok(routes.layer(
        ServiceBuilder::new()
            // Before anything that might print the headers.
            .layer(SetSensitiveRequestHeadersLayer::new(SECRET_HEADERS))
            // Sees every response, with the `Rejection` in its extensions.
            .layer(TraceLayer::new_for_http().make_span_with(span).on_response(log).on_failure(()))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT)),
    ))
}

fn has_settings_of_kliento(settings: &Settings) -> bool {
    settings.kliento_clock_skew.is_some()
        || !settings.kliento_trust_anchor.is_empty()
        || !settings.kliento_allow_organisation.is_empty()
        || !settings.kliento_allow_subject.is_empty()
}

fn kliento_layer(audience: &str, settings: &Settings) -> Result<KlientoAuthLayer, BoxError> {
    let mut layer = KlientoAuthLayer::new(audience);
    if let Some(Period(skew)) = settings.kliento_clock_skew {
        let invalid = |error| format!("--kliento-clock-skew: {error}");
        layer = layer.with_clock_skew(skew).map_err(invalid)?;
    }
    if !settings.kliento_trust_anchor.is_empty() {
        let anchors = settings.kliento_trust_anchor.clone();
        layer = layer.with_trust_anchors(TrustAnchors::new(anchors));
    }
    let organisations = &settings.kliento_allow_organisation;
    let subjects = &settings.kliento_allow_subject;
    if organisations.is_empty() && subjects.is_empty() {
        tracing::warn!(
            "every organisation with DNSSEC is allowed: see --kliento-allow-organisation"
        );
        return Ok(layer);
    }
    Ok(layer.with_allowed_organisations(organisations)?.with_allowed_subjects(subjects)?)
}

/// Request targets contain no secrets, but clients choose them, as they do the method.
fn span<B>(request: &Request<B>) -> Span {
    let (method, uri) = (log_text(request.method()), log_text(request.uri()));
    tracing::info_span!("request", method, uri, version = ?request.version())
}

fn log<B>(response: &http::Response<B>, latency: Duration, _: &Span) {
    let (status, duration_ms) = (response.status().as_u16(), latency.as_millis());
    let rejection = response.extensions().get::<Rejection>();
    let code = rejection.map(Rejection::code);
    if !response.status().is_server_error() {
        let is_rejected = response.status().is_client_error();
        let limiter = if is_rejected { &REJECTIONS } else { &SUCCESSES };
        if let Some(suppressed) = limiter.allow() {
            tracing::info!(status, duration_ms, code, suppressed, "request completed");
        }
        return;
    }
    let Some(suppressed) = FAILURES.allow() else { return };
    let reason = rejection.map(log_text);
    if matches!(rejection, Some(Rejection::Busy)) {
        tracing::warn!(status, duration_ms, code, reason, suppressed, "queue full");
    } else {
        tracing::error!(status, duration_ms, code, reason, suppressed, "request failed");
    }
}
