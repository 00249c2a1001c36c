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
#[path = "client/fixture.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod fixture;
#[path = "client/scripted_source.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod scripted_source;
#[path = "client/server.rs"]
mod server;

use std::io;
use std::sync::{Arc, Mutex};

use kliento_tower::FixedClock;
use kliento_tower::client::KlientoClientLayer;
use tracing_subscriber::fmt::MakeWriter;

use crate::authority::{JWT, MockAuthority, granted, status};
use crate::scripted_source::{START, attached, request, send};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn log_contains_neither_jwt_nor_bundle() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    let authority = MockAuthority::new([status(503), granted(), status(401)]).await;
    let exchange = Arc::new(authority.exchange());
    let clock = FixedClock(START.parse().unwrap());
    let layer = KlientoClientLayer::new(exchange.clone()).with_clock(clock);
    let value = attached(&layer).await.unwrap();
    assert_eq!(attached(&layer).await.as_ref(), Some(&value));
    let layer = KlientoClientLayer::new(exchange).with_clock(clock);
    send(&layer, request("/")).await.unwrap_err();

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
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
