//! The API: a client posts a bundle, the response is the verdict as JSON.

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{BoxError, Json, Router};
use http_guard::{LogLimiter, TrustedProxies, log_text, log_text_up_to};
use kliento::{TokenBundle, TokenVerification};
use kliento_tower::TrustAnchorStore;
use serde_json::json;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;
use tower::timeout::error::Elapsed;

use super::authorize;
use super::authorizer::Authorizer;
use super::body::{BodyError, BodyReader};
use crate::arguments::TrustOptions;
use crate::failure::Failure;
use crate::input::trim_line_breaks;
use crate::report::Report;

/// The maximum number of bundles that are verified or wait for verification; further requests get
/// 503. A request counts once its body was read, so slow bodies occupy no slots.
const MAX_CONCURRENT_REQUESTS: usize = 512;
/// The timeout of a request, including its body.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum length of an error in the log, in characters; it contains text of clients.
const MAX_ERROR_CHARACTERS: usize = 300;

static VERIFIED: LogLimiter = LogLimiter::per_second(5);
static REJECTED: LogLimiter = LogLimiter::per_second(5);
static FAILED: LogLimiter = LogLimiter::per_second(5);
static OVERLOADS: LogLimiter = LogLimiter::per_second(1);

/// Verifies the bundles of all requests.
pub(super) struct Verifier {
    trust: TrustOptions,
    anchors: Arc<dyn TrustAnchorStore>,
    bodies: BodyReader,
    clock_skew: Duration,
    /// The prefixes of translated addresses.
    proxies: TrustedProxies,
    /// One for each request that is verified or waits for verification.
    slots: Arc<Semaphore>,
    /// One for each processor: verification never waits for anything else.
    permits: Arc<Semaphore>,
}

impl Verifier {
    pub(super) fn new(
        trust: TrustOptions,
        anchors: Arc<dyn TrustAnchorStore>,
        clock_skew: Duration,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            anchors,
            bodies: BodyReader::default(),
            trust,
            clock_skew,
            proxies: TrustedProxies::none(),
            slots: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)),
            permits: Arc::new(Semaphore::new(processors)),
        }
    }

    pub(super) fn with_proxies(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    fn verify(&self, audience: &str, format: BodyFormat, body: Vec<u8>) -> Result<Report, Failure> {
        let (audiences, at) = ([audience], self.trust.instant()?);
        let anchors = self.anchors.try_current().ok_or(Failure::NoTrustAnchors)?;
        let verification = TokenVerification::new(&audiences, anchors.as_slice())
            .with_clock_skew(self.clock_skew)?;
        let bundle = match format {
            BodyFormat::Bundle => TokenBundle::from_bytes(body),
            BodyFormat::Header => TokenBundle::from_authorization(trim_line_breaks(&body)),
        };
        Ok(Report::from(&bundle.and_then(|bundle| bundle.verify(&verification, at))))
    }
}

/// The format of a body.
#[derive(Clone, Copy)]
enum BodyFormat {
    Bundle,
    Header,
}

impl BodyFormat {
    /// Returns the format of a content type; case and parameters are ignored (RFC 9110, 8.3.1).
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Self::Bundle) };
        let kind = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/vnd.kliento.token-bundle" => Some(Self::Bundle),
            "application/vnd.kliento.auth-header" => Some(Self::Header),
            _ => None,
        }
    }
}

pub(super) fn router(verifier: Verifier, authorizer: Option<Authorizer>) -> Router {
    let bounds = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|error: BoxError| async move { handle_limit_error(&error) }))
        .layer(TimeoutLayer::new(TIMEOUT));
    Router::new()
        .route("/", post(verify))
        .layer(bounds)
        .with_state(Arc::new(verifier))
        .route("/authorize", authorize::route(authorizer))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .fallback(|| async { error_response(StatusCode::NOT_FOUND, "Not found") })
}

async fn verify(
    State(verifier): State<Arc<Verifier>>,
    Query(parameters): Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let client = verifier.proxies.find_client_address(&request);
    let (head, body) = request.into_parts();
    let body = match verifier.bodies.read(body, client).await {
        Ok(body) => body,
        Err(BodyError::Busy) => return overloaded(),
        Err(error @ BodyError::TooLarge) => {
            return error_response(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string());
        }
        Err(error @ BodyError::Incomplete) => {
            return error_response(StatusCode::BAD_REQUEST, &error.to_string());
        }
    };
    let Some(audience) = only_audience(parameters) else {
        let error = "The query string must have exactly one audience, which must not be empty";
        return error_response(StatusCode::BAD_REQUEST, error);
    };
    let Some(format) = BodyFormat::from_headers(&head.headers) else {
        return error_response(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unrecognised content type");
    };
    let Ok(slot) = Arc::clone(&verifier.slots).try_acquire_owned() else {
        return overloaded();
    };
    let Ok(permit) = Arc::clone(&verifier.permits).acquire_owned().await else {
        return overloaded();
    };
    let start = Instant::now();
    // Slot and permit move with the work, which continues even if the client disconnects.
    #[expect(clippy::disallowed_methods, reason = "supervised: awaited, and a panic is an error")]
    let work = tokio::task::spawn_blocking(move || {
        let report = verifier.verify(&audience, format, body);
        drop((slot, permit));
        report
    });
    match work.await {
        Ok(Ok(report)) => {
            log_report(&report, start.elapsed());
            Json(report).into_response()
        }
        Ok(Err(failure)) => internal_error(&failure),
        Err(failure) => internal_error(&failure),
    }
}

fn only_audience(parameters: Vec<(String, String)>) -> Option<String> {
    let mut audiences = parameters.into_iter().filter(|(name, _)| name == "audience");
    let (_, audience) = audiences.next()?;
    (audiences.next().is_none() && !audience.is_empty()).then_some(audience)
}

/// Logs the verdict and the subject. The bundle is a credential and is not logged.
fn log_report(report: &Report, duration: Duration) {
    let (outcome, duration_us) = (report.status().as_str(), duration.as_micros());
    match report {
        Report::Valid(token) => {
            let Some(suppressed) = VERIFIED.allow() else { return };
            let subject = log_text(&token.subject);
            tracing::info!(outcome, subject, duration_us, suppressed, "verified");
        }
        Report::Invalid { code, error } | Report::Malformed { code, error } => {
            let Some(suppressed) = REJECTED.allow() else { return };
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
            tracing::info!(outcome, code, error, duration_us, suppressed, "rejected");
        }
    }
}

pub(super) fn error_response(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

fn handle_limit_error(error: &BoxError) -> Response {
    if error.is::<Elapsed>() {
        return error_response(StatusCode::REQUEST_TIMEOUT, "The request took too long");
    }
    internal_error(error.as_ref())
}

fn overloaded() -> Response {
    if let Some(suppressed) = OVERLOADS.allow() {
        tracing::warn!(suppressed, "overloaded");
    }
    let error = error_response(StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once");
    ([(RETRY_AFTER, "1")], error).into_response()
}

/// Logs a server error. The response does not contain the cause.
fn internal_error(failure: &dyn std::error::Error) -> Response {
    if let Some(suppressed) = FAILED.allow() {
        let error = log_text_up_to(MAX_ERROR_CHARACTERS, failure);
        tracing::error!(error, suppressed, "request failed");
    }
    let error = error_response(StatusCode::SERVICE_UNAVAILABLE, "The bundle could not be verified");
    ([(RETRY_AFTER, "1")], error).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may end by a panic")]

    use axum::body::Body;
    use axum::http::Request;
    use clap::Parser;
    use tower::ServiceExt as _;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        trust: TrustOptions,
    }

    #[tokio::test]
    async fn responds_503_while_no_slot_is_free() {
        let trust = Arguments::parse_from(["test"]).trust;
        let anchors = Arc::new(kliento_tower::TrustAnchors::new(trust.anchors()));
        let verifier = Verifier::new(trust, anchors, Duration::ZERO);
        let slots = Arc::clone(&verifier.slots);
        let router = router(verifier, None);
        let post = || {
            let request = Request::post("/?audience=a").body(Body::from("not a bundle")).unwrap();
            router.clone().oneshot(request)
        };
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
        let all = slots.try_acquire_many(u32::try_from(MAX_CONCURRENT_REQUESTS).unwrap()).unwrap();
        let response = post().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let health = Request::get("/health").body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(health).await.unwrap().status(), StatusCode::OK);
        drop(all);
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
    }
}
