//! `Authorizer`: the answer to a proxy that asks whether a request is authorized.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Either};
use http_guard::{LogLimiter, Problem, Rejection, RejectionRenderer, event, log_text};
use kliento_tower::{KlientoAuth, KlientoAuthLayer, Rejection as Denied, WorkloadIdentity};
use tower::util::ServiceFn;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::identity_headers::{IdentityHeaders, IdentityHeadersError};
use super::traces::Traces;

static UNANSWERABLE: LogLimiter = LogLimiter::per_second(5);

/// Answers proxies by [`KlientoAuthLayer`], which verifies, caches, bounds and counts. Cheap to
/// clone.
///
/// Each answer has each header of [`IdentityHeaders`], empty unless the request is authorized: a
/// proxy that copies them to the request overwrites what the client sent under these names.
#[derive(Clone)]
pub(super) struct Authorizer {
    #[cfg(feature = "ext-authz")]
    layer: KlientoAuthLayer,
    service: KlientoAuth<ServiceFn<Inner>>,
    headers: Arc<IdentityHeaders>,
    renderer: RejectionRenderer<Unanswerable>,
    traces: Traces,
}

/// The service inside the layer: moves the identity to the response.
type Inner = fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>;

/// The reason why a request is rejected that the layer would allow.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Unanswerable {
    #[error(transparent)]
    Headers(#[from] IdentityHeadersError),
    #[error("no identity of an accepted request")]
    NoIdentity,
    /// The configuration of the proxy has an audience that this service does not have.
    #[error("unknown audience of a route")]
    #[cfg_attr(not(feature = "ext-authz"), expect(dead_code, reason = "other proxies have none"))]
    UnknownAudience,
}

impl Authorizer {
    /// Creates an authorizer whose challenge has this realm.
    pub(super) fn new(layer: KlientoAuthLayer, realm: &str, headers: IdentityHeaders) -> Self {
        // A proxy's request has no stream, and `Authorization` goes no further.
        let layer = layer.without_streams();
        let headers = Arc::new(headers);
        let own = Arc::clone(&headers);
        // Before the quota is charged, and the request counts as accepted.
        let layer = layer.with_authorizer(move |identity| own.fit(identity));
        Self {
            service: layer.layer(service_fn(move_identity)),
            #[cfg(feature = "ext-authz")]
            layer,
            headers,
            renderer: RejectionRenderer::new("Kliento", realm),
            traces: Traces::default(),
        }
    }

    /// Sets whether answers have spans; by default they have none.
    pub(super) fn with_traces(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    pub(super) const fn traces(&self) -> Traces {
        self.traces
    }

    /// Returns an authorizer for this audience alone, with the same caches, limits and quotas.
    #[cfg(feature = "ext-authz")]
    pub(super) fn with_only_audience(&self, audience: &str) -> Self {
        let layer = self.layer.clone().with_only_audience(audience);
        Self {
            service: layer.layer(service_fn(move_identity)),
            layer,
            headers: Arc::clone(&self.headers),
            renderer: self.renderer.clone().with_realm(audience),
            traces: self.traces,
        }
    }

    /// Answers for a request with these headers, of which only `Authorization` counts: 200 if it is
    /// authorized, otherwise the layer's response.
    ///
    /// The answer has the [`WorkloadIdentity`] or the [`Rejection`](kliento_tower::Rejection) in its
    /// extensions.
    pub(super) async fn authorize(&self, headers: &HeaderMap) -> Response<Bytes> {
        // A request of its own: neither method nor content type can change the form of the answer.
        let mut request = Request::new(());
        for value in headers.get_all(AUTHORIZATION) {
            request.headers_mut().append(AUTHORIZATION, value.clone());
        }
        let Ok(response) = self.service.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        match body {
            Either::Left(_) => match parts.extensions.get::<WorkloadIdentity>() {
                Some(identity) => self.accept(identity),
                None => self.reject(Unanswerable::NoIdentity),
            },
            Either::Right(rejection) => {
                if let Some(Denied::PermissionDenied(identity)) = parts.extensions.get()
                    && !self.headers.fit(identity)
                {
                    return self.reject(IdentityHeadersError::TooLarge.into());
                }
                let Ok(body) = rejection.collect().await;
                let mut response = Response::from_parts(parts, body.to_bytes());
                self.headers.insert_empty(response.headers_mut());
                response
            }
        }
    }

    /// Returns the headers of each answer.
    pub(super) fn headers(&self) -> &IdentityHeaders {
        &self.headers
    }

    fn accept(&self, identity: &WorkloadIdentity) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        match self.headers.insert(identity, response.headers_mut()) {
            Ok(()) => {
                let no_store = HeaderValue::from_static("no-store");
                response.headers_mut().insert(CACHE_CONTROL, no_store);
                response.extensions_mut().insert(identity.clone());
                response
            }
            Err(error) => self.reject(error.into()),
        }
    }

    fn reject(&self, rejection: Unanswerable) -> Response<Bytes> {
        if let Some(suppressed) = UNANSWERABLE.allow() {
            event!(warn, error = log_text(rejection), suppressed, "authorized request rejected");
        }
        self.render(rejection)
    }

    /// Rejects a request whatever its credentials are.
    pub(super) fn render(&self, rejection: Unanswerable) -> Response<Bytes> {
        let (request, ()) = Request::new(()).into_parts();
        let mut response = self.renderer.render(&request, rejection);
        self.headers.insert_empty(response.headers_mut());
        response
    }
}

/// Returns the problem of a request that an authorizer rejected.
#[cfg(feature = "ext-authz")]
pub(super) fn problem(response: &Response<Bytes>) -> Option<Problem> {
    let extensions = response.extensions();
    let unanswerable = extensions.get::<Unanswerable>().map(Rejection::problem);
    extensions.get::<Denied>().map(Rejection::problem).or(unanswerable)
}

fn move_identity(mut request: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    let mut response = Response::new(());
    if let Some(identity) = request.extensions_mut().remove::<WorkloadIdentity>() {
        response.extensions_mut().insert(identity);
    }
    ready(Ok(response))
}

impl Rejection for Unanswerable {
    fn problem(&self) -> Problem {
        match self {
            Self::Headers(IdentityHeadersError::TooLarge) => Problem::forbidden(
                "claims_too_large",
                "The claims of the token do not fit the headers of this service",
            ),
            Self::Headers(IdentityHeadersError::Value)
            | Self::NoIdentity
            | Self::UnknownAudience => Problem::unavailable(
                "unavailable",
                "Authentication is temporarily unavailable",
                Duration::from_secs(1),
            ),
        }
    }
}
