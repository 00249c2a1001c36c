//! The API: a bundle is posted, the verdict comes back as JSON.

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::error_handling::HandleErrorLayer;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{BoxError, Json, Router};
use kliento::{TokenBundle, TokenVerification, TrustAnchor};
use serde_json::json;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::timeout::error::Elapsed;

use crate::arguments::TrustOptions;
use crate::failure::Failure;
use crate::input::trim_line_breaks;
use crate::report::Report;
use crate::text::printable;

/// The largest body that is read. What is larger than a bundle but not than this is `malformed`.
const MAX_BODY_OCTETS: usize = 64 * 1024;
/// How many requests are answered or wait at the same time; further ones are refused with 503.
const REQUESTS: usize = 512;
/// How long a request may take, its body included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What verifies the bundles of all requests.
pub(super) struct Verifier {
    trust: TrustOptions,
    anchors: Vec<TrustAnchor>,
    /// Verification is work for a processor, so there is no use in more at once than processors.
    processors: Arc<Semaphore>,
}

impl Verifier {
    pub(super) fn new(trust: TrustOptions) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let anchors = trust.anchors();
        Self { trust, anchors, processors: Arc::new(Semaphore::new(processors)) }
    }

    fn verify(&self, audience: &str, form: Form, body: &[u8]) -> Result<Report, Failure> {
        let (audiences, at) = ([audience], self.trust.instant()?);
        let verification = TokenVerification::new(&audiences, &self.anchors);
        let bundle = match form {
            Form::Bundle => TokenBundle::from_bytes(body.to_vec()),
            Form::Header => TokenBundle::from_authorization(trim_line_breaks(body)),
        };
        Ok(Report::from(&bundle.and_then(|bundle| bundle.verify(&verification, at))))
    }
}

/// In which form the bundle is.
#[derive(Clone, Copy)]
enum Form {
    Bundle,
    Header,
}

impl Form {
    /// The form of a content type, of which case and parameters do not matter (RFC 9110, 8.3.1).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Self::Bundle) };
        let kind = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/vnd.kliento.token-bundle" => Some(Self::Bundle),
            "application/vnd.kliento.auth-header" => Some(Self::Header),
            _ => None,
        }
    }
}

pub(super) fn router(verifier: Verifier) -> Router {
    let bounds = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|error: BoxError| async move { out_of_bounds(&error) }))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS))
        .layer(TimeoutLayer::new(TIMEOUT));
    Router::new()
        .route("/", post(verify))
        .layer(DefaultBodyLimit::max(MAX_BODY_OCTETS))
        .layer(bounds)
        .with_state(Arc::new(verifier))
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "There is no such resource") })
}

async fn verify(
    State(verifier): State<Arc<Verifier>>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), &rejection.body_text()),
    };
    let Some(audience) = only_audience(parameters) else {
        let error = "The query string must have one audience that is not empty";
        return refused(StatusCode::BAD_REQUEST, error);
    };
    let Some(form) = Form::of(&headers) else {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unrecognised content type");
    };
    let Ok(permit) = Arc::clone(&verifier.processors).acquire_owned().await else {
        return overloaded();
    };
    let start = Instant::now();
    // The permit goes with the work, which goes on even if the client does not wait for it.
    let work = tokio::task::spawn_blocking(move || {
        let report = verifier.verify(&audience, form, &body);
        drop(permit);
        report
    });
    match work.await {
        Ok(Ok(report)) => {
            log(&report, start.elapsed());
            Json(report).into_response()
        }
        Ok(Err(failure)) => failed(&failure),
        Err(failure) => failed(&failure),
    }
}

fn only_audience(parameters: Vec<(String, String)>) -> Option<String> {
    let mut audiences = parameters.into_iter().filter(|(name, _)| name == "audience");
    let (_, audience) = audiences.next()?;
    (audiences.next().is_none() && !audience.is_empty()).then_some(audience)
}

/// The bundle is a credential, so nothing of it is logged but for whom it speaks.
fn log(report: &Report, duration: Duration) {
    let (outcome, microseconds) = (report.status().as_str(), duration.as_micros());
    match report {
        Report::Valid { subject, .. } => {
            tracing::info!(outcome, subject = %printable(subject), microseconds, "verified");
        }
        Report::Invalid { code, error } | Report::Malformed { code, error } => {
            tracing::info!(outcome, code, error = %printable(error), microseconds, "refused");
        }
    }
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// A request took too long, or there was no place for it.
fn out_of_bounds(error: &BoxError) -> Response {
    if error.is::<Elapsed>() {
        return refused(StatusCode::REQUEST_TIMEOUT, "The request took too long");
    }
    overloaded()
}

fn overloaded() -> Response {
    let error = refused(StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once");
    ([(RETRY_AFTER, "1")], error).into_response()
}

/// It is our fault, and the client need not know why.
fn failed(failure: &dyn std::error::Error) -> Response {
    tracing::error!(%failure, "a bundle could not be verified");
    let error = refused(StatusCode::SERVICE_UNAVAILABLE, "The bundle could not be verified");
    ([(RETRY_AFTER, "1")], error).into_response()
}
