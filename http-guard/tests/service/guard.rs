//! A guard that the token of a request controls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_guard::{
    Allowed, Check, Credentials, Decision, Guard, GuardedService, Problem, Rejection,
    RejectionRenderer, mark_authorization_sensitive,
};
use serde_json::{Map, Value, json};
use tracing::info_span;

/// Allows requests with `Bearer valid`. Looks up `Bearer slow` first; the lookup of
/// `Bearer forever` never completes.
pub(crate) struct TestGuard(pub(crate) RejectionRenderer<TestRejection>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TestRejection {
    Missing,
    Invalid,
    Limited(HeaderMap),
    Unavailable,
    Field(&'static str),
}

pub(crate) fn renderer() -> RejectionRenderer<TestRejection> {
    RejectionRenderer::new("Bearer", "test")
}

pub(crate) fn guarded<S>(inner: S) -> GuardedService<S, TestGuard> {
    GuardedService::new(inner, Arc::new(TestGuard(renderer())))
}

pub(crate) fn request(token: &str) -> Request<String> {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(String::new()).unwrap()
}

impl Guard for TestGuard {
    type Rejection = TestRejection;
    type Lookup = Result<(), TestRejection>;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, TestRejection> {
        mark_authorization_sensitive(request.headers_mut());
        let found = match Credentials::from_headers(request.headers(), "Bearer") {
            Credentials::Matching { token: b"valid", .. } => Ok(()),
            Credentials::Matching { token: b"slow", .. } => {
                return Check::Pending(Box::pin(async {
                    tokio::task::yield_now().await;
                    Ok(())
                }));
            }
            Credentials::Matching { token: b"forever", .. } => {
                return Check::Pending(Box::pin(std::future::pending()));
            }
            Credentials::Matching { token: b"late", .. } => {
                return Check::Pending(Box::pin(async { Err(TestRejection::Unavailable) }));
            }
            Credentials::Missing => Err(TestRejection::Missing),
            _ => Err(TestRejection::Invalid),
        };
        Check::Ready(self.finish(request, found))
    }

    fn finish<B>(&self, request: &mut Request<B>, lookup: Self::Lookup) -> Decision<TestRejection> {
        lookup?;
        request.extensions_mut().insert("authenticated");
        let headers =
            HeaderMap::from_iter([(http::header::VARY, HeaderValue::from_static("authorization"))]);
        let (response_headers, span) = (Some(Box::new(headers)), info_span!("guarded"));
        Ok(Allowed { response_headers, span, ..Allowed::default() })
    }

    fn renderer(&self) -> &RejectionRenderer<TestRejection> {
        &self.0
    }
}

impl Rejection for TestRejection {
    fn problem(&self) -> Problem {
        match self {
            Self::Missing => Problem::unauthorized("missing", "Credentials are required"),
            Self::Invalid => Problem::unauthorized("invalid", "100% of the token is invalid")
                .with_challenge_error("invalid_token"),
            Self::Limited(_) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let problem = Problem::new(status, "limited", "Too many requests");
                problem.with_retry_after(Duration::from_millis(1))
            }
            Self::Unavailable => Problem::unavailable("down", "Try again", Duration::from_secs(5)),
            Self::Field(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "field", "A field is invalid")
            }
        }
    }

    fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::Limited(headers) => Some(headers),
            _ => None,
        }
    }

    fn members(&self) -> Map<String, Value> {
        match self {
            Self::Field(name) => Map::from_iter([("errors".to_owned(), json!([name]))]),
            _ => Map::new(),
        }
    }

    fn is_missing_credentials(&self) -> bool {
        *self == Self::Missing
    }
}

impl fmt::Display for TestRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for TestRejection {}
