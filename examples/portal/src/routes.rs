//! All routes: the page, the API below `/api`, and the layers around them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use http::StatusCode;
use http::header::AUTHORIZATION;
use kleidia_tower::Rejection;
use kleidia_tower::account::Accounts;
use kleidia_tower::api::Api;
use kleidia_tower::rate_limit::{ForwardingHeader, Limit, PeerAddress, TrustedProxies};
use kleidia_tower::rbac::WorkloadRules;
use kliento_tower::{KlientoAuthLayer, TrustAnchors};
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::{Level, Span};

use crate::settings::Settings;
use crate::{BoxError, page};

/// How long it may take until a response begins, a login that waits for its turn included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole service.
pub(crate) fn all(accounts: Accounts, settings: &Settings) -> Result<Router, BoxError> {
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
        // Each workload may know who it is; what it may do, you would tell here.
        api = api.with_workloads(layer, WorkloadRules::default());
    }
    let routes = Router::new().nest("/api", api.into_router()).merge(page::routes());
    Ok(routes.layer(
        ServiceBuilder::new()
            .layer(map_request(tell_peer))
            // Before anything that might print the headers.
            .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
            // Sees every response, with the reason of a refusal in its extensions.
            .layer(
                TraceLayer::new_for_http().make_span_with(span()).on_response(log).on_failure(()),
            )
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT)),
    ))
}

/// The other end of the connection, as the layers look for it.
async fn tell_peer(mut request: Request) -> Request {
    let peer = request.extensions().get::<SocketAddr>().copied();
    if let Some(peer) = peer {
        request.extensions_mut().insert(PeerAddress(peer));
    }
    request
}

/// No secret is in a target of ours.
fn span() -> DefaultMakeSpan {
    DefaultMakeSpan::new().level(Level::INFO)
}

fn log<B>(response: &http::Response<B>, latency: Duration, _: &Span) {
    let (status, milliseconds) = (response.status().as_u16(), latency.as_millis());
    let rejection = response.extensions().get::<Rejection>();
    // Logins that find no place come in floods, and are told by their code.
    let is_fault =
        response.status().is_server_error() && !matches!(rejection, Some(Rejection::Busy));
    if let Some(rejection) = rejection.filter(|_| is_fault) {
        tracing::error!(status, milliseconds, reason = %rejection, "can't answer");
    }
    let code = rejection.map(Rejection::code);
    tracing::info!(status, milliseconds, code, "answered");
}
