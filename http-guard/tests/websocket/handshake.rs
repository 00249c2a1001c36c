//! Requests for WebSockets that are rejected.

use http_guard::serve::Server;
use http_guard::stream::websocket::{WatchedWebSocketUpgrade, WebSocketSettings};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::service::{Service, echo};

#[tokio::test]
async fn rejects_a_stream_that_cannot_be_opened() {
    let service = Service::start(WebSocketSettings::default(), echo).await;
    let open = service.open().await;
    let (head, _) = Client::request(service.address, "upgrade").await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
    drop(open);
    service.registry.shut_down();
    let (head, _) = Client::request(service.address, "upgrade").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
}

#[tokio::test]
async fn other_requests_open_no_stream() {
    let service = Service::start(WebSocketSettings::default(), echo).await;
    let (head, _) = Client::request(service.address, "keep-alive").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(service.registry.is_empty());
}

#[tokio::test]
async fn missing_layer_is_an_error_of_the_service() {
    let socket = async |upgrade: WatchedWebSocketUpgrade| upgrade.on_upgrade(echo);
    let routes = axum::Router::new().route("/socket", axum::routing::get(socket));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async {
        let _summary = Server::new().serve(listener, routes, std::future::pending()).await;
    });
    let (head, _) = Client::request(address, "upgrade").await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
}

/// All other tests send no origin, as clients do that are not browsers.
#[tokio::test]
async fn rejects_web_pages_of_other_origins() {
    let service = Service::start(WebSocketSettings::default(), echo).await;
    for origin in [
        "https://other.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.other.example",
        "https://app.example https://other.example",
        "https://app.example\r\norigin: https://other.example",
        "null",
        "",
    ] {
        let (head, _) = request(&service, origin).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{origin}: {head}");
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
        closed(&service).await;
    }
    for origin in ["https://app.example", "HTTPS://App.Example"] {
        let (head, client) = request(&service, origin).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{origin}: {head}");
        drop(client);
        closed(&service).await;
    }
}

/// Waits until there is no stream.
async fn closed(service: &Service) {
    while !service.registry.is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn request(service: &Service, origin: &str) -> (String, Client) {
    Client::request(service.address, &format!("upgrade\r\norigin: {origin}")).await
}
