//! The service of an agent that tells its public key to the user's browser.

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

/// Answers `GET /pubkey` with the agent's public key in PEM (KLEIDIA.md, "Agents").
///
/// It goes with anything that takes a Tower service: axum's `route_service`, or hyper with
/// hyper-util's `TowerToHyperService`. Listen on a loopback address.
///
/// - `GET` and `HEAD` of [`PATH`](Self::PATH) answer 200 with `application/x-pem-file`, other
///   methods 405, other paths 404. Nothing may be stored: the next start of the agent has another key.
/// - Pages of other origins can't read the key unless their origin is allowed (the CORS protocol of
///   the Fetch standard); none is by default. The key is no secret, but would tell any page on the
///   web that it is the same visitor again.
/// - A request by a host name other than `localhost` is answered 421, as a page could have its own
///   name resolve to this machine and be of the same origin then (DNS rebinding). Addresses pass.
///
/// The page asks by a plain `fetch("http://127.0.0.1:PORT/pubkey")`, without header fields of its
/// own, for which browsers send no preflight. The headers of Private Network Access, which Chromium
/// gave up for a permission that the user grants ("Local Network Access", `loopback-network` in
/// `Permissions-Policy`), are not answered. For that permission the page has to come by `https` or
/// from this machine, and its `Content-Security-Policy` has to let it connect.
///
/// ```
/// use kleidia_tower::agent::{AgentKey, PublicKeyService};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AgentKey::generate().await?;
/// // For what runs on this machine, but for no page:
/// let service = PublicKeyService::new(key.public_key());
/// // For the portal's pages too:
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

    /// Answers with this key, for no other origin.
    #[must_use]
    pub fn new(key: &AgentPublicKey) -> Self {
        Self { pem: key.to_pem().into(), allowed_origins: Arc::default() }
    }

    /// Lets the pages of one more origin read the key.
    #[must_use]
    pub fn with_allowed_origin(mut self, origin: WebOrigin) -> Self {
        self.allowed_origins = self.allowed_origins.iter().cloned().chain([origin]).collect();
        self
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !is_named_by_address(request) {
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
        let mut response = self.key();
        response.headers_mut().extend(self.allowance(request.headers()));
        response
    }

    /// The answer to `HEAD` too, whose content the server leaves out (RFC 9110, 9.3.2).
    fn key(&self) -> Response<Full<Bytes>> {
        let mut response = empty(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-pem-file"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        *response.body_mut() = Full::new(self.pem.clone());
        response
    }

    /// What allows the page that asks to read the answer, if it may.
    fn allowance(&self, headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
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
        ready(Ok(self.answer(&request)))
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether each name that the request gives this server is an address or `localhost`. Browsers
/// always give one (RFC 9110, 7.2), and only they can be led astray.
fn is_named_by_address<B>(request: &Request<B>) -> bool {
    let is_address = |authority: &Authority| {
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        host.eq_ignore_ascii_case("localhost") || address.unwrap_or(host).parse::<IpAddr>().is_ok()
    };
    let fields = request.headers().get_all(HOST);
    request.uri().authority().is_none_or(is_address)
        && fields.iter().all(|field| {
            Authority::try_from(field.as_bytes()).is_ok_and(|authority| is_address(&authority))
        })
}
