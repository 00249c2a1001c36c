//! The layer in servers that listen on sockets: hyper and axum.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kleidia_tower::session::JwtSessionLayer;
use kleidia_tower::{ClientInfo, Principal};
use tokio::net::TcpListener;
use tower::Layer as _;

use crate::session_cookies::{access_cookie, cookies};
use crate::support::http::WhoamiService;
use crate::support::{Fixture, bearer};

async fn send(server: SocketAddr, value: Option<&str>, is_http2: bool) -> (StatusCode, String) {
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http();
    let mut request = Request::get(format!("http://{server}/"));
    if let Some(value) = value {
        request = request.header(AUTHORIZATION, value);
    }
    let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.version(), if is_http2 { Version::HTTP_2 } else { Version::HTTP_11 });
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn hyper_server(layer: JwtSessionLayer) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(layer.layer(WhoamiService));
            tokio::spawn(async move {
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    address
}

async fn axum_server(layer: JwtSessionLayer) -> SocketAddr {
    let (listener, address) = listen().await;
    let handler = async |caller: Principal| caller.name().to_owned();
    let router = Router::new().route("/", get(handler)).layer(layer);
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn authenticates_until_logout_on_each_server() {
    let fixture = Fixture::new().await;
    let servers =
        [(hyper_server(fixture.layer()).await, true), (axum_server(fixture.layer()).await, false)];
    for (server, has_http2) in servers {
        let alice = fixture.log_in("alice").await;
        for is_http2 in [false, has_http2] {
            let (status, body) = send(server, Some(&bearer(&alice)), is_http2).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, "alice"));
            let (status, body) = send(server, None, is_http2).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert!(body.contains("token_invalid"), "{body}");
        }
        fixture.accounts.log_out(&alice.session, ClientInfo::default()).await.unwrap();
        let (status, body) = send(server, Some(&bearer(&alice)), false).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(body.contains("session_expired"), "{body}");
    }
}

/// A token in the URI would appear in logs (RFC 6750, 2.3).
#[tokio::test]
async fn ignores_token_in_the_query() {
    let fixture = Fixture::new().await;
    let server = axum_server(fixture.layer()).await;
    let bearer = fixture.bearer("alice").await;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let target = format!("http://{server}/?access_token={token}").parse().unwrap();
    assert_eq!(client.get(target).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

/// Clients of HTTP/2 may send each cookie in a line of its own (RFC 9113, 8.2.3).
#[tokio::test]
async fn reads_cookies_in_several_lines() {
    let fixture = Fixture::new().await;
    let cookie = access_cookie(&fixture.log_in("alice").await);
    let server = hyper_server(fixture.layer().with_cookies(cookies())).await;
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    for (cookies, site, expected) in [
        (&["a=b", &*cookie, "c=d"][..], "same-origin", StatusCode::OK),
        (&["a=b", "c=d", &*cookie], "cross-site", StatusCode::FORBIDDEN),
        (&[&*cookie, "a=b", "__Host-kleidia-access=x"], "same-origin", StatusCode::BAD_REQUEST),
    ] {
        let mut request = Request::post(format!("http://{server}/"));
        request = request.header("sec-fetch-site", site);
        for cookie in cookies {
            request = request.header(COOKIE, *cookie);
        }
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), expected, "{site}");
    }
}

/// The authority of a request in HTTP/2 is in its target.
#[tokio::test]
async fn compares_origins_with_the_authority() {
    let fixture = Fixture::new().await;
    let cookie = access_cookie(&fixture.log_in("alice").await);
    let server = hyper_server(fixture.layer().with_cookies(cookies())).await;
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    for (origin, expected) in [
        (format!("http://{server}"), StatusCode::OK),
        ("http://127.0.0.1:1".to_owned(), StatusCode::FORBIDDEN),
    ] {
        let request = Request::post(format!("http://{server}/")).header(COOKIE, &cookie);
        let request = request.header("origin", origin).body(Empty::new()).unwrap();
        assert_eq!(client.request(request).await.unwrap().status(), expected);
    }
}

/// Callers of gRPC get the status `PERMISSION_DENIED`, in a response with status 200.
#[tokio::test]
async fn rejects_calls_of_grpc_from_other_origins() {
    let fixture = Fixture::new().await;
    let cookie = access_cookie(&fixture.log_in("alice").await);
    let server = hyper_server(fixture.layer().with_cookies(cookies())).await;
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::post(format!("http://{server}/")).header(COOKIE, &cookie);
    let request = request.header(CONTENT_TYPE, "application/grpc").body(Empty::new()).unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "7");
}
