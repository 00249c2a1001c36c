//! `RejectionRenderer`: the whole response to a rejected request.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::credentials::scheme;
use crate::{Problem, ProblemResponder, Rejection, Responder, grpc};

/// Renders rejections as HTTP or gRPC responses. Cheap to clone.
///
/// # Rules
/// - A [`Responder`] makes the body, [problem details](ProblemResponder) by default. The renderer
///   sets the status, and `Retry-After` if the [`Problem`] has it.
/// - A 401 has a challenge (RFC 9110, 11.6.1) of the scheme and the realm. Its `error` parameter is
///   the problem's (RFC 6750, 3), and so is `max_age` (RFC 9470, 3). Additional challenges follow.
/// - The response to a gRPC call has status 200 and `grpc-status`. A request is a gRPC call if it
///   is a `POST` over HTTP/2 or HTTP/3 with a content type of `application/grpc`, or a `POST` with
///   one of `application/grpc-web`. All other requests get the HTTP status.
/// - Every response has `Cache-Control: no-store`, and the rejection in its extensions.
///
/// # Examples
/// The default, and with a second scheme that another layer checks:
///
/// ```
/// use http::{HeaderValue, Request};
/// use http_guard::{Rejection, RejectionRenderer};
///
/// fn challenges(rejection: impl Rejection) -> [usize; 2] {
///     let renderer = RejectionRenderer::new("Bearer", "people");
///     let both = renderer
///         .clone()
///         .with_additional_challenge(HeaderValue::from_static(r#"Kliento realm="workloads""#));
///     assert!(both.is_passthrough_scheme(b"kliento"));
///
///     let (request, ()) = Request::new(()).into_parts();
///     [renderer, both].map(|renderer| {
///         let response = renderer.render(&request, rejection.clone());
///         response.headers().get_all("www-authenticate").iter().count()
///     })
/// }
/// ```
#[derive(Clone)]
pub struct RejectionRenderer<R>(Arc<Settings<R>>);

struct Settings<R> {
    responder: Arc<dyn Responder<R>>,
    scheme: &'static str,
    realm: String,
    additional_challenges: Vec<HeaderValue>,
}

impl<R: Rejection> RejectionRenderer<R> {
    /// A renderer of problem details, with challenges of this scheme and realm.
    pub fn new(scheme: &'static str, realm: impl Into<String>) -> Self {
        let (responder, realm) = (Arc::new(ProblemResponder), realm.into());
        Self(Arc::new(Settings { responder, scheme, realm, additional_challenges: Vec::new() }))
    }

    /// Sets the responder; [`ProblemResponder`] by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder<R>) -> Self {
        self.with(|settings| settings.responder = Arc::new(responder))
    }

    /// Sets the realm of the challenge (RFC 9110, 11.5).
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.with(|settings| settings.realm = realm.into())
    }

    /// Adds a challenge of another scheme, such as `Bearer realm="people"`, to every 401.
    #[must_use]
    pub fn with_additional_challenge(self, challenge: HeaderValue) -> Self {
        self.with(|settings| settings.additional_challenges.push(challenge))
    }

    /// Returns a challenge of another scheme with the same realm (RFC 9110, 11.6.1), or `None` if
    /// the scheme is invalid.
    #[must_use]
    pub fn challenge_for(&self, scheme: &str) -> Option<HeaderValue> {
        HeaderValue::try_from(self.challenge_text(scheme)).ok()
    }

    /// Returns whether an additional challenge is of this scheme.
    #[must_use]
    pub fn is_passthrough_scheme(&self, name: &[u8]) -> bool {
        let challenges = &self.0.additional_challenges;
        challenges.iter().any(|other| scheme(other.as_bytes()).eq_ignore_ascii_case(name))
    }

    /// Renders the response to a rejected request.
    pub fn render(&self, request: &Parts, rejection: R) -> Response<Bytes> {
        let problem = rejection.problem();
        let mut response = match grpc::content_type(request) {
            Some(content_type) => grpc::render(&problem, content_type),
            None => self.render_http(request, &rejection, &problem),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(rejection);
        response
    }

    fn render_http(&self, request: &Parts, rejection: &R, problem: &Problem) -> Response<Bytes> {
        let mut response = self.0.responder.respond(rejection, request);
        *response.status_mut() = problem.status();
        let headers = response.headers_mut();
        if let Some(others) = rejection.headers() {
            headers.extend(others.clone());
        }
        if problem.status() == StatusCode::UNAUTHORIZED {
            headers.remove(WWW_AUTHENTICATE);
            let own = self.challenge(problem);
            for challenge in own.iter().chain(&self.0.additional_challenges) {
                headers.append(WWW_AUTHENTICATE, challenge.clone());
            }
        }
        if let Some(wait) = problem.retry_after() {
            headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        response
    }

    /// Returns the challenge, or `None` if the scheme is invalid.
    fn challenge(&self, problem: &Problem) -> Option<HeaderValue> {
        let mut challenge = self.challenge_text(self.0.scheme);
        if let Some(error) = problem.challenge_error() {
            challenge.push_str(", error=\"");
            challenge.push_str(&quoted_string(error));
            challenge.push('"');
        }
        if let Some(max_age) = problem.challenge_max_age() {
            challenge.push_str(", max_age=\"");
            challenge.push_str(&max_age.as_secs().to_string());
            challenge.push('"');
        }
        HeaderValue::try_from(challenge).ok()
    }

    fn challenge_text(&self, scheme: &str) -> String {
        format!("{scheme} realm=\"{}\"", quoted_string(&self.0.realm))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings<R>)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

/// The content of a quoted string (RFC 9110, 5.6.4), with visible ASCII characters only.
fn quoted_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}

impl<R> Clone for Settings<R> {
    fn clone(&self) -> Self {
        Self {
            responder: Arc::clone(&self.responder),
            scheme: self.scheme,
            realm: self.realm.clone(),
            additional_challenges: self.additional_challenges.clone(),
        }
    }
}

impl<R> fmt::Debug for RejectionRenderer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectionRenderer")
            .field("scheme", &self.0.scheme)
            .field("realm", &self.0.realm)
            .field("additional_challenges", &self.0.additional_challenges)
            .finish_non_exhaustive()
    }
}
