//! The service behind the proxy: it returns the headers that it receives.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use http_body_util::{BodyExt as _, Full};
use http_guard::serve::Server;
use tokio::net::TcpListener;

/// A running service, which counts its requests.
#[derive(Clone, Default)]
pub(crate) struct Service {
    requests: Arc<AtomicUsize>,
    pub(crate) address: String,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = Self { requests: Arc::default(), address };
        let routes = Router::new()
            .route("/echo", any(echo))
            .route("/example.v1.Greeter/Hello", post(call))
            .fallback(headers)
            .with_state(service.clone());
        // The claims of the largest bundle, and what the client sends.
        let server = Server::new().with_max_head_octets(64 * 1024).unwrap();
        tokio::spawn(async move { server.serve(listener, routes, pending()).await });
        service
    }

    /// Returns a service at this address that counts nothing.
    pub(crate) fn at(address: String) -> Self {
        Self { requests: Arc::default(), address }
    }

    /// Returns the number of requests that have reached the service.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Responds with the headers as JSON.
async fn headers(State(service): State<Service>, headers: HeaderMap) -> Response {
    service.requests.fetch_add(1, Ordering::SeqCst);
    to_json(&headers).into_response()
}

/// Sends the subject over a WebSocket, and then what it receives.
async fn echo(
    State(service): State<Service>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    service.requests.fetch_add(1, Ordering::SeqCst);
    upgrade.on_upgrade(async move |mut socket| {
        let _ = socket.send(to_json(&headers).into()).await;
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// A unary gRPC call, whose response is its request, with the headers in its trailers.
async fn call(State(service): State<Service>, request: Request) -> Response {
    service.requests.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let message = body.collect().await.unwrap().to_bytes();
    let trailers = HeaderMap::from_iter([
        (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0")),
        (HeaderName::from_static("x-headers"), to_json(&head.headers).try_into().unwrap()),
    ]);
    let body = Full::new(message).with_trailers(async { Some(Ok(trailers)) });
    ([(CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response()
}

fn to_json(headers: &HeaderMap) -> String {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), text(value)));
    serde_json::to_string(&pairs.collect::<Vec<_>>()).unwrap()
}
