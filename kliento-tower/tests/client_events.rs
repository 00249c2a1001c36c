//! Log events of the client, in a separate process: `tracing` caches for all threads whether an
//! event has a subscriber.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may end by a panic"
)]

#[path = "client/authority.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod authority;
#[path = "../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
#[path = "client/fixture.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod fixture;
#[path = "client/scripted_source.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod scripted_source;
#[path = "client/server.rs"]
mod server;

use std::sync::Arc;

use kliento_tower::FixedClock;
use kliento_tower::client::KlientoClientLayer;
use tracing::Level;

use crate::authority::{JWT, MockAuthority, granted, status};
use crate::captured_log::CapturedLog;
use crate::scripted_source::{START, attached, request, send};

#[tokio::test]
async fn log_contains_neither_jwt_nor_bundle() {
    let log = CapturedLog::default();
    let _guard = log.start(Level::TRACE);
    let authority = MockAuthority::new([status(503), granted(), status(401)]).await;
    let exchange = Arc::new(authority.exchange());
    let clock = FixedClock(START.parse().unwrap());
    let layer = KlientoClientLayer::new(exchange.clone()).with_clock(clock);
    let value = attached(&layer).await.unwrap();
    assert_eq!(attached(&layer).await.as_ref(), Some(&value));
    let layer = KlientoClientLayer::new(exchange).with_clock(clock);
    send(&layer, request("/")).await.unwrap_err();

    let logged = log.take();
    for message in [
        "retrying the exchange",
        "token bundle refreshed",
        "token bundle attached",
        "token bundle refresh failed",
    ] {
        assert!(logged.contains(message), "{message}");
    }
    let credentials = value.to_str().unwrap().strip_prefix("Kliento ").unwrap();
    assert!(!logged.contains(JWT), "{logged}");
    assert!(!logged.contains(&credentials[..40]), "{logged}");
}
