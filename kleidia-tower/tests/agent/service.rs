//! The service over sockets.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kleidia_tower::agent::{AgentPublicKey, PublicKeyService};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::AGENT;

struct HttpResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn service() -> PublicKeyService {
    PublicKeyService::new(AGENT.public_key())
}

/// Serves on plain hyper until the test ends, and returns the address.
async fn serve(service: PublicKeyService) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let builder = Builder::new(TokioExecutor::new());
            let connection = TokioIo::new(connection);
            tokio::spawn(async move { builder.serve_connection(connection, service).await });
        }
    });
    address
}

/// Sends a request with these headers.
async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> HttpResponse {
    let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let response = client.request(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), 10_000).await.unwrap();
    assert_eq!(parts.headers["cache-control"], "no-store");
    let body = String::from_utf8(body.into()).unwrap();
    HttpResponse { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
async fn serves_a_key_that_can_be_registered() {
    let address = serve(service()).await;
    let response = send(address, Method::GET, "/pubkey", &[]).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.headers[CONTENT_TYPE], "application/x-pem-file");
    assert_eq!(response.headers[CONTENT_LENGTH], "800");
    let key: AgentPublicKey = response.body.parse().unwrap();
    let ciphertext = key.encrypt(b"PUK 73519264").unwrap();
    assert_eq!(AGENT.decrypt(&ciphertext).unwrap().expose_secret(), b"PUK 73519264");

    let head = send(address, Method::HEAD, "/pubkey?x", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.headers[CONTENT_LENGTH], "800");
    assert_eq!(head.headers[CONTENT_TYPE], "application/x-pem-file");
}

#[tokio::test]
async fn works_in_an_axum_router() {
    let router = Router::new()
        .route_service(PublicKeyService::PATH, service())
        .nest_service("/agent", service());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    for path in ["/pubkey", "/agent/pubkey"] {
        let response = send(address, Method::GET, path, &[]).await;
        assert_eq!((response.status, response.body), (StatusCode::OK, AGENT.public_key().to_pem()));
        let head = send(address, Method::HEAD, path, &[]).await;
        assert_eq!(
            (head.status, &head.headers[CONTENT_LENGTH]),
            (StatusCode::OK, &"800".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn rejects_other_paths_and_methods() {
    let address = serve(service()).await;
    for path in ["/", "/pubkey/", "/PUBKEY", "//pubkey", "/pubkey2", "/%70ubkey", "/x/../pubkey"] {
        let response = send(address, Method::GET, path, &[]).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (StatusCode::NOT_FOUND, ""),
            "{path}"
        );
    }
    let methods = [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH];
    for method in methods {
        let response = send(address, method.clone(), "/pubkey", &[]).await;
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(
            (&response.headers[ALLOW], response.body.as_str()),
            (&"GET, HEAD".parse().unwrap(), "")
        );
    }
}

#[tokio::test]
async fn only_allowed_origins_can_read_the_key() {
    let (portal, test) = ("https://portal.example", "http://127.0.0.1:8080");
    let none = serve(service()).await;
    let both = service().with_allowed_origin(portal.parse().unwrap());
    let both = serve(both.with_allowed_origin(test.parse().unwrap())).await;
    for (address, origin, is_allowed) in [
        (none, portal, false),
        (none, "null", false),
        (both, portal, true),
        (both, test, true),
        (both, "https://portal.example:8443", false),
        (both, "http://portal.example", false),
        (both, "https://portal.example.evil.example", false),
        (both, "https://evil.example", false),
        (both, "http://127.0.0.1:80801", false),
        (both, "null", false),
        (both, "*", false),
        (both, "", false),
    ] {
        let response = send(address, Method::GET, "/pubkey", &[("origin", origin)]).await;
        let allowed = response.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
        let expected = is_allowed.then(|| origin.parse().unwrap());
        assert_eq!((response.status, allowed), (StatusCode::OK, expected.as_ref()), "{origin}");
        assert_eq!(response.headers[VARY], "Origin");
        assert!(!response.headers.contains_key("access-control-allow-credentials"));
    }
    let twice = [("origin", portal), ("origin", "https://evil.example")];
    let response = send(both, Method::GET, "/pubkey", &twice).await;
    assert!(!response.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    let without = send(both, Method::GET, "/pubkey", &[]).await;
    assert!(!without.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test]
async fn rejects_other_hosts() {
    let address = serve(service()).await;
    for (host, status) in [
        ("127.0.0.1:9000", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("192.0.2.7:80", StatusCode::OK),
        ("[::1]:9000", StatusCode::OK),
        ("localhost:9000", StatusCode::OK),
        ("LocalHost", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("evil.example:9000", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("localhost.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1@evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.1", StatusCode::MISDIRECTED_REQUEST),
        ("", StatusCode::MISDIRECTED_REQUEST),
        ("a b", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let response = send(address, Method::GET, "/pubkey", &[("host", host)]).await;
        assert_eq!(response.status, status, "{host:?}");
        assert_eq!(response.body.is_empty(), status != StatusCode::OK, "{host:?}");
    }
}
