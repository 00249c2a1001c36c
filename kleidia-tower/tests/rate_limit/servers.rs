//! The layer in servers that listen on sockets: hyper and axum.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kleidia_tower::rate_limit::{ClientAddress, Key, PeerAddress, RateLimitLayer};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

use crate::fixture::ManualClock;

/// Returns the status and the body.
async fn get(server: SocketAddr, path: &str) -> (StatusCode, String) {
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(format!("http://{server}{path}").parse().unwrap()).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server on plain hyper: each connection has a clone of the service.
async fn hyper_server(layer: RateLimitLayer, inserts_peer: bool) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = ServiceBuilder::new()
                .map_request(move |mut request: Request<_>| {
                    if inserts_peer {
                        request.extensions_mut().insert(PeerAddress(peer));
                    }
                    request
                })
                .layer(layer.clone())
                .service(service_fn(async |request: Request<_>| {
                    let address = ClientAddress::from_extensions(request.extensions());
                    let body = address.map(|address| address.to_string()).unwrap_or_default();
                    Ok::<_, std::convert::Infallible>(Response::new(body))
                }));
            let service = TowerToHyperService::new(service);
            tokio::spawn(async move {
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    address
}

#[tokio::test]
async fn limits_by_peer_address_on_hyper() {
    let layer =
        RateLimitLayer::new().with_limit(Key::address(), ManualClock::default().limiter("3/60"));
    let server = hyper_server(layer, true).await;
    for _ in 0..3 {
        assert_eq!(get(server, "/").await, (StatusCode::OK, "127.0.0.1".to_owned()));
    }
    // From another connection, so from another port.
    let (status, body) = get(server, "/").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(body.contains("rate_limited"), "{body}");
}

#[tokio::test]
async fn rejects_requests_without_peer_address() {
    let layer =
        RateLimitLayer::new().with_limit(Key::address(), ManualClock::default().limiter("3/60"));
    let (status, body) = get(hyper_server(layer, false).await, "/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("unavailable"), "{body}");
}

#[cfg(feature = "axum")]
mod axum_server {
    use axum::Router;
    use axum::routing::get as on_get;

    use super::*;

    async fn axum_server(layer: RateLimitLayer) -> SocketAddr {
        let (listener, address) = listen().await;
        let router = Router::new()
            .route("/users/{id}", on_get(async || "user").post(async || "posted"))
            .route("/groups/{id}", on_get(async || "group"))
            .layer(layer);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        address
    }

    #[tokio::test]
    async fn limits_by_connect_info_on_axum() {
        let layer = RateLimitLayer::new()
            .with_limit(Key::address(), ManualClock::default().limiter("3/60"));
        let server = axum_server(layer).await;
        for path in ["/users/1", "/groups/1", "/users/2"] {
            assert_eq!(get(server, path).await.0, StatusCode::OK);
        }
        // Each route has a clone of the service, and so has the fallback.
        for path in ["/users/1", "/groups/1", "/users/2", "/nothing"] {
            assert_eq!(get(server, path).await.0, StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
    }

    #[tokio::test]
    async fn limits_by_matched_route() {
        let layer =
            RateLimitLayer::new().with_limit(Key::route(), ManualClock::default().limiter("1/60"));
        let server = axum_server(layer).await;
        for (path, expected) in [
            ("/users/1", StatusCode::OK),
            ("/users/2", StatusCode::TOO_MANY_REQUESTS),
            ("/groups/1", StatusCode::OK),
            ("/groups/2", StatusCode::TOO_MANY_REQUESTS),
            ("/nothing", StatusCode::NOT_FOUND),
            ("/at-all", StatusCode::TOO_MANY_REQUESTS),
        ] {
            assert_eq!(get(server, path).await.0, expected, "{path}");
        }
    }
}
