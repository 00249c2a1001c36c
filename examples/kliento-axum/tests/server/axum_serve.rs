//! Why the example uses `http_guard::serve`: `axum::serve` keeps hyper's limit for HTTP/2.

use axum::Router;
use axum::routing::get;
use http::{StatusCode, Version};
use tokio::net::TcpListener;

use crate::case::vector;
use crate::client::Connection;

/// If this fails one day, update `docs/deployment.md`.
#[tokio::test]
async fn axum_serve_rejects_the_largest_bundle_over_http_2() {
    let case = vector("authorization-maximum");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new().route("/public", get(|| async { "open to all\n" }));
    tokio::spawn(async { axum::serve(listener, router).await });
    for (version, status) in [
        (Version::HTTP_11, StatusCode::OK),
        (Version::HTTP_2, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    ] {
        let mut connection = Connection::open_at(&address, version).await;
        assert_eq!(connection.get("/public", &[&case.authorization]).await.status, status);
    }
}
