//! The order of layers: what each of them sees of requests that the layer of ours refuses.

use std::fs;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, ORIGIN, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::task::{JoinSet, yield_now};
use tower::ServiceExt as _;

use crate::layers::{REQUESTS, around};
use crate::suite::case::vector;
use crate::suite::client::{Connection, VERSIONS};
use crate::suite::process::Server;

#[tokio::test]
async fn preflight_requests_need_no_credentials() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let mut preflight = connection.request(Method::OPTIONS, "/whoami");
        for (name, value) in [
            ("origin", "https://app.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ] {
            preflight.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let answer = connection.send(preflight).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization");
    }
}

#[tokio::test]
async fn refusals_can_be_read_by_scripts_and_are_compressed() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let mut request = connection.request(Method::GET, "/whoami");
        let headers = request.headers_mut();
        headers.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let answer = connection.send(request).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-expose-headers"), "www-authenticate");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("content-encoding"), "gzip");
        assert_eq!(answer.body[..2], [0x1f, 0x8b]);
    }
}

/// Even the most talkative log has the reason, which the client isn't told, and no credentials.
#[tokio::test]
async fn the_trace_sees_the_reason_and_no_credentials() {
    let case = vector("member-user");
    let tampered = case.tampered();
    let arguments = ["--audience", &case.audience, "--clock", &case.at];
    let server = Server::start_logging(&case, &arguments, "trace");
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        connection.get("/whoami", &[&case.authorization]).await;
        let refused = connection.get("/whoami", &[&tampered]).await;
        assert!(!String::from_utf8_lossy(&refused.body).contains("signature-mismatch"));
    }
    server.signal("-KILL");
    let (_, log) = server.end();
    let answered = log.lines().filter(|line| line.contains("answered"));
    assert_eq!(answered.clone().filter(|line| line.contains("status=200")).count(), 2);
    let refused = answered.filter(|line| line.contains("status=401"));
    assert_eq!(refused.filter(|line| line.contains("signature-mismatch")).count(), 2);
    // No part of either: they begin alike.
    assert!(!log.contains(&case.authorization[100..140]), "{log}");
}

/// A trace that prints headers, or any other layer, prints `Sensitive` in place of this one.
#[tokio::test]
async fn the_credentials_are_marked_before_any_other_layer() {
    let handler =
        |headers: HeaderMap| async move { headers[AUTHORIZATION].is_sensitive().to_string() };
    let router = around(Router::new().route("/", get(handler)));
    let response = router.oneshot(request()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "true");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_slow_is_given_up() {
    let router = around(Router::new().route("/", get(pending::<()>)));
    let response = router.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let entered = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&entered);
    let handler = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        pending::<()>()
    };
    let router = around(Router::new().route("/", get(handler)));
    let mut waiting = JoinSet::new();
    for _ in 0..REQUESTS {
        waiting.spawn(router.clone().oneshot(request()));
    }
    while entered.load(Ordering::Relaxed) < REQUESTS {
        yield_now().await;
    }
    let response = router.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(waiting.len(), REQUESTS);
    assert!(waiting.try_join_next().is_none());
}

/// The document shows the code that is tested here.
#[test]
fn the_document_shows_this_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = fs::read_to_string(root.join("src/layers.rs")).unwrap();
    let document = fs::read_to_string(root.join("../../docs/deployment.md")).unwrap();
    let begin = code.find("pub(crate) fn around").unwrap();
    let end = begin + code[begin..].find("\n}\n").unwrap();
    assert!(document.contains(&code[begin..end]));
}

fn request() -> Request<Body> {
    Request::builder().header(AUTHORIZATION, "Kliento QQ==").body(Body::empty()).unwrap()
}
