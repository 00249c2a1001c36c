//! Exchanges with a mock authority on a socket.

use std::time::Duration;

use http::StatusCode;
use kliento_tower::FixedClock;
use kliento_tower::client::{
    AuthorityExchange, ExchangeConfigError, ExchangeError, KlientoClientLayer, SourceError,
    TokenBundleSource as _,
};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _};

use crate::authority::{BASE64, BINARY, JWT, MockAuthority, busy, granted, octets, ok, status};
use crate::fixture::whoami;
use crate::scripted_source::START;
use crate::server::serve;

/// Returns the error of an exchange.
async fn failure(exchange: AuthorityExchange) -> SourceError {
    exchange.token_bundle(None).await.unwrap_err()
}

fn cause(error: &SourceError) -> &ExchangeError {
    std::error::Error::source(error).unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn retries_transient_errors() {
    let authority = MockAuthority::new([status(503), busy(429, "1"), granted()]).await;
    let issued = authority.exchange().token_bundle(None).await.unwrap();
    assert!(issued.bundle().as_bytes() == octets());
    assert_eq!(issued.valid_until().to_string(), "2026-11-22T18:08:00Z");
    let requests = authority.requests();
    assert_eq!(requests.len(), 3);
    for headers in requests {
        assert_eq!(headers["authorization"], format!("Bearer {JWT}"));
        assert_eq!(headers["accept"], BASE64);
    }
}

#[tokio::test]
async fn does_not_retry_permanent_errors() {
    for code in [400, 401, 403, 404, 406, 201, 302] {
        let authority = MockAuthority::new([status(code), granted()]).await;
        let error = failure(authority.exchange()).await;
        assert!(matches!(cause(&error), ExchangeError::Status { status, .. } if *status == code));
        assert_eq!(authority.requests().len(), 1, "{code}");
        assert!(!format!("{error:?} {error}").contains(JWT));
    }
}

#[tokio::test]
async fn fails_after_the_last_retry() {
    let authority = MockAuthority::new([500, 502, 504].map(status)).await;
    let error = failure(authority.exchange().with_retries(2).unwrap()).await;
    let is_last = |status: &StatusCode| *status == StatusCode::GATEWAY_TIMEOUT;
    assert!(matches!(cause(&error), ExchangeError::Status { status, .. } if is_last(status)));
    assert_eq!(authority.requests().len(), 3);
}

#[tokio::test]
async fn reports_long_retry_after_instead_of_waiting() {
    let authority = MockAuthority::new([busy(429, "120"), granted()]).await;
    let error = failure(authority.exchange()).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(authority.requests().len(), 1);
}

#[tokio::test]
async fn retries_after_timeout() {
    let authority = MockAuthority::new([]).await;
    let exchange = authority.exchange().with_timeout(Duration::from_millis(50)).unwrap();
    let exchange = exchange.with_retries(1).unwrap();
    let error = failure(exchange).await;
    assert!(matches!(cause(&error), ExchangeError::Transport(error) if error.is_timeout()));
    assert_eq!(authority.requests().len(), 2);
}

#[tokio::test]
async fn retries_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let exchange = AuthorityExchange::new(&url, SecretString::from(JWT)).unwrap();
    let breaking = async {
        drop(listener.accept().await.unwrap());
        let router = axum::Router::new().fallback(|| async { granted() });
        axum::serve(listener, router).await.unwrap();
    };
    tokio::select! {
        issued = exchange.token_bundle(None) => assert!(issued.unwrap().bundle().as_bytes() == octets()),
        () = breaking => unreachable!("the server runs until the test ends"),
    }
}

#[tokio::test]
async fn rejects_invalid_responses() {
    let large = vec![b'A'; 40_000];
    let authority = MockAuthority::new([
        ok(BINARY, octets()),
        ok(&format!("{BASE64}; charset=utf-8"), "TUlJ"),
        ok(BASE64, large.clone()),
        ok(BINARY, large),
        ok("text/html", "<p>Log in here"),
        ok(BASE64, "not Base64"),
    ])
    .await;
    let issued = authority.exchange().token_bundle(None).await.unwrap();
    assert!(issued.bundle().as_bytes() == octets());
    let error = failure(authority.exchange()).await;
    assert!(matches!(cause(&error), ExchangeError::Bundle(_)), "{error}");
    for _ in 0..2 {
        let error = failure(authority.exchange()).await;
        assert!(matches!(cause(&error), ExchangeError::TooLarge { .. }), "{error}");
    }
    let error = failure(authority.exchange()).await;
    assert!(matches!(cause(&error), ExchangeError::ContentType { .. }), "{error}");
    let error = failure(authority.exchange()).await;
    assert!(matches!(cause(&error), ExchangeError::Bundle(_)), "{error}");
    assert_eq!(authority.requests().len(), 6);
}

#[tokio::test]
async fn does_not_follow_redirects() {
    let elsewhere = MockAuthority::new([granted()]).await;
    let location = elsewhere.url();
    let redirect = move || async move { (StatusCode::FOUND, [("location", location)]) };
    let address = serve(axum::Router::new().fallback(redirect)).await;
    let url = format!("http://{address}/");
    let exchange = AuthorityExchange::new(&url, SecretString::from(JWT)).unwrap();
    let exchange = exchange.with_client(reqwest::Client::builder()).unwrap();
    let error = failure(exchange).await;
    assert!(matches!(cause(&error), ExchangeError::Status { .. }), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn requires_https_or_a_loopback_host() {
    let new = |url| AuthorityExchange::new(url, SecretString::from(JWT));
    for url in [
        "https://authority.example.com/x",
        "http://127.0.0.1:80/x",
        "http://127.3.2.1/x",
        "http://[::1]/x",
        "http://localhost:8080/x",
    ] {
        assert!(!format!("{:?}", new(url).unwrap()).contains(JWT), "{url}");
    }
    for url in ["http://authority.example.com/x", "http://127.0.0.1.evil.example/", "ftp://[::1]/"]
    {
        assert!(matches!(new(url), Err(ExchangeConfigError::Insecure { .. })), "{url}");
    }
    assert!(matches!(new("/x"), Err(ExchangeConfigError::InvalidUrl)));
    let user = "https://user:password@authority.example.com/";
    assert!(matches!(new(user), Err(ExchangeConfigError::UserInformation)));
}

#[tokio::test]
async fn exchanged_bundle_is_accepted_by_a_service() {
    let authority = MockAuthority::new([granted()]).await;
    let origin = format!("http://{}", whoami().await);
    let layer = KlientoClientLayer::new(authority.exchange());
    let layer = layer.with_clock(FixedClock(START.parse().unwrap())).with_origin(&origin).unwrap();
    let client = layer.layer(reqwest::Client::builder().no_proxy().build().unwrap());
    for _ in 0..3 {
        let request = reqwest::Request::new(http::Method::GET, origin.parse().unwrap());
        let response = client.clone().oneshot(request).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "alice@example.com");
    }
    assert_eq!(authority.requests().len(), 1);
}
