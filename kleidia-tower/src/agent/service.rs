//! The service by which an agent gives its public key to the user's browser.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, VARY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use super::{AgentPublicKey, WebOrigin};

/// A Tower service that responds to `GET /pubkey` with the agent's public key in PEM.
///
/// Use it as axum's `route_service`, or with hyper through hyper-util's `TowerToHyperService`. Bind
/// the listener to a loopback address.
///
/// # Rules
/// - `GET` and `HEAD` of [`PATH`](Self::PATH) return 200 with `application/x-pem-file`. Other
///   methods return 405, other paths 404. Responses must not be stored (`no-store`), since the
///   agent has another key after a restart.
/// - Pages of other origins cannot read the key unless their origin is allowed (CORS protocol,
///   Fetch standard). No origin is allowed by default: the key is not secret, but any web page could
///   recognise the user by it.
/// - A request whose host is neither an IP address nor `localhost` is rejected with 421. Otherwise
///   a page could let its own host name resolve to this machine, and would be of the same origin
///   (DNS rebinding).
///
/// # In the browser
/// The page calls `fetch("http://127.0.0.1:PORT/pubkey")` without custom headers, so browsers send
/// no preflight request. Chromium asks the user for a permission ("Local Network Access",
/// `loopback-network` in `Permissions-Policy`). For that, the page must be loaded over `https` or
/// from this machine, and its `Content-Security-Policy` must allow the connection. The headers of
/// the former Private Network Access are not supported.
///
/// ```
/// use kleidia_tower::agent::{AgentKey, PublicKeyService};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AgentKey::generate().await?;
/// // For programs on this machine, but not for web pages:
/// let service = PublicKeyService::new(key.public_key());
/// // Also for the pages of the portal:
/// let service = service.with_allowed_origin("https://portal.example".parse()?);
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PublicKeyService {
    pem: Bytes,
    allowed_origins: Arc<[WebOrigin]>,
}

impl PublicKeyService {
    /// The path of the key.
    pub const PATH: &str = "/pubkey";

    /// Creates a service for this key, without allowed origins.
    #[must_use]
    pub fn new(key: &AgentPublicKey) -> Self {
        Self { pem: key.to_pem().into(), allowed_origins: Arc::default() }
    }

    /// Allows the pages of another origin to read the key.
    #[must_use]
    pub fn with_allowed_origin(mut self, origin: WebOrigin) -> Self {
        self.allowed_origins = self.allowed_origins.iter().cloned().chain([origin]).collect();
        self
    }

    fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !has_local_host(request) {
            return empty(StatusCode::MISDIRECTED_REQUEST);
        }
        if request.uri().path() != Self::PATH {
            return empty(StatusCode::NOT_FOUND);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = self.key_response();
        response.headers_mut().extend(self.cors_header(request.headers()));
        response
    }

    /// The response to `GET` and `HEAD`: the server omits the content for `HEAD` (RFC 9110, 9.3.2).
    fn key_response(&self) -> Response<Full<Bytes>> {
        let mut response = empty(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-pem-file"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        *response.body_mut() = Full::new(self.pem.clone());
        response
    }

    /// Returns the header that allows the requesting page to read the response.
    fn cors_header(&self, headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let is_allowed = self.allowed_origins.iter().any(|allowed| allowed.as_header() == origin);
        is_allowed.then(|| (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()))
    }
}

impl<B> Service<Request<B>> for PublicKeyService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(&request)))
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns whether the target's authority and each `Host` are an IP address or `localhost`.
///
/// A request without either passes: browsers always send one (RFC 9110, 7.2).
fn has_local_host<B>(request: &Request<B>) -> bool {
    let is_local = |authority: &Authority| {
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        host.eq_ignore_ascii_case("localhost") || address.unwrap_or(host).parse::<IpAddr>().is_ok()
    };
    let hosts = request.headers().get_all(HOST);
    request.uri().authority().is_none_or(is_local)
        && hosts.iter().all(|host| {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| is_local(&authority))
        })
}
