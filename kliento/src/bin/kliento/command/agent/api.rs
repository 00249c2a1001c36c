//! The agent's API: tokens for workloads, and the status for operators.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::{Query, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use http_guard::serve::Peer;
use http_guard::{LogLimiter, Problem, event, log_text_up_to};
use kliento::Token;
use kliento_tower::client::{ReadyHeader, TokenAgent};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::allow::Caller;
use super::report::StatusReport;
use super::service::Service;
use super::slots::RequestSlots;

static DENIED: LogLimiter = LogLimiter::per_second(5);
static FAILED: LogLimiter = LogLimiter::per_second(5);
static OVERLOADS: LogLimiter = LogLimiter::per_second(1);

/// The maximum length of an error in the log, in characters.
const MAX_ERROR_CHARACTERS: usize = 300;

pub(super) const UNKNOWN_CALLER: Problem =
    Problem::forbidden("unknown_caller", "The agent has no tokens for this user");
const NOT_ALLOWED: Problem =
    Problem::forbidden("token_not_allowed", "The audience or a claim is not allowed for this user");
const CLAIMS_NOT_SELECTABLE: Problem = Problem::forbidden(
    "claims_not_selectable",
    "VeraId Authority chooses the claims of the tokens for this audience",
);
const BUSY: Problem =
    Problem::unavailable("busy", "Too many requests at the same time", Duration::from_secs(1));
const INVALID_HOST: Problem =
    Problem::forbidden("invalid_host", "The host of the request is not a loopback address");
const INVALID_QUERY: Problem = Problem::new(
    StatusCode::BAD_REQUEST,
    "invalid_query",
    "Expected one audience, and claims as claim=NAME=VALUE with a name each",
);
const NOT_FOUND: Problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found");
const METHOD: Problem =
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Expected GET or HEAD");

/// The configuration's service, which reloads replace.
pub(super) type Shared = Arc<ArcSwap<Service>>;

/// What all requests share.
#[derive(Clone)]
struct Api {
    service: Shared,
    slots: Arc<RequestSlots>,
}

pub(super) fn router(service: Shared) -> Router {
    let service = Api { service, slots: Arc::default() };
    Router::new()
        .route("/token", get(token))
        .route("/status", get(status))
        .fallback(async || problem(&NOT_FOUND))
        .method_not_allowed_fallback(async || problem(&METHOD))
        .layer(middleware::from_fn_with_state(service.clone(), identify))
        .with_state(service)
}

/// Identifies the caller by the credentials of its connection, and rejects callers without rules,
/// which may have had one when they connected.
async fn identify(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let caller = match request.extensions().get() {
        Some(Peer::Unix(credentials)) => credentials.map(|peer| Caller::User(peer.uid())),
        // A page that a browser loads from elsewhere could reach the agent under a name that
        // resolves to a loopback address.
        Some(Peer::Ip(_)) if !has_loopback_host(request.headers()) => {
            return problem(&INVALID_HOST);
        }
        Some(Peer::Ip(address)) => address.ip().is_loopback().then_some(Caller::Loopback),
        _ => None,
    };
    let Some(caller) = caller.filter(|caller| api.service.load().allow.knows(*caller)) else {
        log_denial(caller, "no rule for this user");
        return problem(&UNKNOWN_CALLER);
    };
    let Some(_slot) = api.slots.take(caller).await else {
        if let Some(suppressed) = OVERLOADS.allow() {
            event!(warn, suppressed, "too many requests at the same time");
        }
        return problem(&BUSY);
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn status(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Response {
    let service = api.service.load_full();
    #[expect(clippy::disallowed_methods, reason = "supervised: awaited, and a panic is an error")]
    let report = spawn_blocking(move || StatusReport::new(&service, caller)).await;
    report.map_or_else(|_| problem(&BUSY), |report| no_store(Json(report).into_response()))
}

async fn token(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let service = api.service.load_full();
    let Some(token) = requested_token(parameters) else { return problem(&INVALID_QUERY) };
    if !service.allow.allows(caller, &token) {
        log_denial(Some(caller), "audience or claim not allowed");
        return problem(&NOT_ALLOWED);
    }
    if service.is_exchanged(token.audience()) && !token.claims().is_empty() {
        return problem(&CLAIMS_NOT_SELECTABLE);
    }
    let result = if wants_fresh(&headers) {
        service.agent.fresh_token(&token).await
    } else {
        service.agent.token(&token).await
    };
    match result {
        Ok(ready) if service.allow.allows_bundle(caller, ready.value()) => {
            service.token_errors.clear(token.audience());
            no_store(respond(&ready, &headers))
        }
        Ok(_) => {
            log_denial(Some(caller), "VeraId Authority added claims that are not allowed");
            problem(&NOT_ALLOWED)
        }
        Err(error) => {
            service.token_errors.record(token.audience(), &error);
            if let Some(suppressed) = FAILED.allow() {
                let error = log_text_up_to(MAX_ERROR_CHARACTERS, &error);
                event!(error, error, suppressed, "no token");
            }
            unavailable(TokenAgent::retry_after(&error))
        }
    }
}

/// Returns the token of a query, or `None` if the query is ambiguous or has other parameters.
fn requested_token(parameters: Vec<(String, String)>) -> Option<Token> {
    let (audiences, others): (Vec<_>, Vec<_>) =
        parameters.into_iter().partition(|(name, _)| name == "audience");
    let [(_, audience)] = audiences.as_slice() else { return None };
    if audience.is_empty() {
        return None;
    }
    others.into_iter().try_fold(Token::new(audience), |token, (name, claim)| {
        let (claim, value) = claim.split_once('=').filter(|(claim, _)| !claim.is_empty())?;
        let is_new = name == "claim" && !token.claims().contains_key(claim);
        is_new.then(|| token.with_claim(claim, value))
    })
}

fn respond(ready: &ReadyHeader, headers: &HeaderMap) -> Response {
    let value = ready.value().to_str().unwrap_or_default();
    if prefers_text(headers) {
        return ([(CONTENT_TYPE, "text/plain; charset=utf-8")], value.to_owned()).into_response();
    }
    let token = value.split_once(' ').map_or(value, |(_, token)| token);
    Json(json!({ "token": token, "expires_at": ready.valid_until().to_string() })).into_response()
}

/// Returns whether the first media range that the agent supports is `text/plain`.
fn prefers_text(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accept
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let known = ["text/plain", "application/json", "application/*", "*/*"];
    ranges.find(|range| known.contains(&range.as_str())).is_some_and(|range| range == "text/plain")
}

/// Returns whether a cached token does not do (RFC 9111, 5.2.1.4).
fn wants_fresh(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}

fn has_loopback_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok()) else {
        return false;
    };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn log_denial(caller: Option<Caller>, reason: &'static str) {
    if let Some(suppressed) = DENIED.allow() {
        event!(warn, ?caller, reason, suppressed, "request denied");
    }
}

fn unavailable(retry_after: Duration) -> Response {
    let detail = "No valid token is available at this time";
    problem(&Problem::unavailable("token_unavailable", detail, retry_after))
}

/// Renders problem details (RFC 9457).
fn problem(problem: &Problem) -> Response {
    let mut response = (problem.status(), problem_body(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = problem.retry_after() {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    no_store(response)
}

pub(super) fn problem_body(problem: &Problem) -> String {
    let status = problem.status();
    let body = json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": problem.detail(),
        "code": problem.code(),
    });
    body.to_string()
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn rejects_ambiguous_queries() {
        let expected = Token::new("a").with_claim("b", "c=d").with_claim("e", "");
        assert_eq!(requested_token(pairs("claim=b=c=d&audience=a&claim=e=")), Some(expected));
        for query in [
            "",
            "audience=",
            "audience=a&audience=b",
            "claim=b=c",
            "audience=a&claim=b",
            "audience=a&claim==c",
            "audience=a&claim=b=1&claim=b=2",
            "audience=a&b=c",
        ] {
            assert_eq!(requested_token(pairs(query)), None, "{query}");
        }
    }

    #[test]
    fn responds_with_text_if_it_is_preferred() {
        let prefers = |accept: &'static str| {
            prefers_text(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
        };
        for accept in ["text/plain", "Text/Plain;q=1", "image/png, text/plain, */*"] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in ["*/*", "application/json", "application/json, text/plain", "text/html"] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_text(&HeaderMap::new()));
    }

    #[test]
    fn accepts_hosts_of_the_loopback_interface() {
        let has = |host: &'static str| {
            has_loopback_host(&HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]))
        };
        for host in ["localhost", "localhost:80", "127.0.0.1:7080", "[::1]:7080"] {
            assert!(has(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "192.0.2.1:80", "", "[::2]"] {
            assert!(!has(host), "{host}");
        }
    }
}
