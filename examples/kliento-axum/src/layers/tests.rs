//! The layers without a server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may end by a panic")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tokio::task::{JoinSet, yield_now};
use tower::ServiceExt as _;

use super::*;

/// A layer that logs headers writes `Sensitive` instead.
#[tokio::test]
async fn marks_credentials_before_any_other_layer() {
    let handler =
        |headers: HeaderMap| async move { headers[AUTHORIZATION].is_sensitive().to_string() };
    let router = with_layers(Router::new().route("/", get(handler)));
    let response = router.oneshot(request()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "true");
}

#[tokio::test(start_paused = true)]
async fn slow_requests_get_503() {
    let router = with_layers(Router::new().route("/", get(pending::<()>)));
    let response = router.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn excess_requests_get_503() {
    let entered = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&entered);
    let handler = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        pending::<()>()
    };
    let router = with_layers(Router::new().route("/", get(handler)));
    let mut waiting = JoinSet::new();
    for _ in 0..MAX_CONCURRENT_REQUESTS {
        waiting.spawn(router.clone().oneshot(request()));
    }
    while entered.load(Ordering::Relaxed) < MAX_CONCURRENT_REQUESTS {
        yield_now().await;
    }
    let response = router.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(waiting.len(), MAX_CONCURRENT_REQUESTS);
    assert!(waiting.try_join_next().is_none());
}

fn request() -> Request<Body> {
    Request::builder().header(AUTHORIZATION, "Kliento QQ==").body(Body::empty()).unwrap()
}
