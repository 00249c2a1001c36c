//! A subscriber, an audit sink and a store that panic change no response, and end no background
//! work.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "../../http-guard/tests/panicking_subscriber/mod.rs"]
mod panicking_subscriber;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_guard::PeerAddress;
use kleidia_tower::access_token::{KeyFile, KeyProvider as _};
use kleidia_tower::account::Accounts;
use kleidia_tower::api::Api;
use kleidia_tower::audit::{AuditRecord, AuditSink, AuditSinks, TracingSink};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::{
    Cleanup, CleanupSettings, MemoryStore, PurgeStore, Retention, SqliteStore, Store, StoreError,
};
use kleidia_tower::{ClientInfo, SystemClock, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PASSWORD: &str = "correct horse battery staple";
const OLD: &str = "old:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
const NEW: &str = "new:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";

struct PanickingSink;

impl AuditSink for PanickingSink {
    fn record(&mut self, _: &AuditRecord) {
        panicking_subscriber::fail()
    }
}

struct CountingSink(Arc<AtomicUsize>);

impl AuditSink for CountingSink {
    fn record(&mut self, _: &AuditRecord) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics at first.
struct PanickingStore(AtomicUsize);

#[async_trait]
impl PurgeStore for PanickingStore {
    async fn purge(&self, _: Timestamp, _: &Retention, _: usize) -> Result<usize, StoreError> {
        if self.0.fetch_add(1, Ordering::SeqCst) < 3 {
            panicking_subscriber::fail()
        }
        Ok(0)
    }
}

struct Fixture {
    router: Router,
    sinks: AuditSinks,
    recorded: Arc<AtomicUsize>,
}

impl Fixture {
    async fn new(store: Arc<dyn Store>, keys: Arc<KeyFile>) -> Self {
        let recorded = Arc::<AtomicUsize>::default();
        let counting = CountingSink(Arc::clone(&recorded));
        let sinks = AuditSinks::new(
            vec![Box::new(PanickingSink), Box::new(TracingSink), Box::new(counting)],
            AuditSinks::DEFAULT_QUEUE_LIMIT,
        );
        let sinks = sinks.unwrap();
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let accounts =
            Accounts::new(store, keys, options.start().unwrap()).with_audit_sinks(sinks.clone());
        let roles = [RoleName::user()].into();
        let client = ClientInfo::new("192.0.2.1".parse().unwrap());
        accounts.create_user(None, "alice", PASSWORD.into(), roles, client).await.unwrap();
        let api = Api::new(accounts).with_login_limit("3/60".parse().unwrap());
        Self { router: api.into_router(), sinks, recorded }
    }

    async fn send(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Vec<u8>) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.1:4711".parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }
}

async fn wait_until(what: &str, is_done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn panics_of_reports_change_nothing() {
    panicking_subscriber::install();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("accounts.db"), audit_key()).await.unwrap();
    panics_change_nothing(Arc::new(MemoryStore::default()), folder.path()).await;
    panics_change_nothing(Arc::new(sqlite), folder.path()).await;
    cleanup_continues().await;
    assert!(panicking_subscriber::PANICS.load(Ordering::SeqCst) > 40);
}

/// The database of a store must not report within requests: nothing isolates its events.
async fn panics_change_nothing(store: Arc<dyn Store>, folder: &Path) {
    let path = folder.join("keys");
    fs::write(&path, OLD).unwrap();
    let interval = Duration::from_millis(100);
    let keys = KeyFile::options().with_poll_interval(interval).unwrap().open(&path).unwrap();
    let keys = Arc::new(keys);
    let fixture = Fixture::new(store, Arc::clone(&keys)).await;

    let login = |password: &str| json!({"username": "alice", "password": password});
    let (status, body) = fixture.send("POST", "/auth/login", "", login(PASSWORD)).await;
    assert_eq!(status, 200);
    let tokens: Value = serde_json::from_slice(&body).unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let null = Value::Null;
    for (method, path, token, body, expected) in [
        ("POST", "/auth/login", "", login("wrong"), StatusCode::UNAUTHORIZED),
        ("POST", "/auth/login", "", login("wrong"), StatusCode::UNAUTHORIZED),
        ("POST", "/auth/login", "", login(PASSWORD), StatusCode::TOO_MANY_REQUESTS),
        ("GET", "/whoami", access, null.clone(), StatusCode::OK),
        ("GET", "/whoami", "x", null.clone(), StatusCode::UNAUTHORIZED),
        ("GET", "/admin/users", access, null.clone(), StatusCode::FORBIDDEN),
        ("POST", "/auth/refresh", "", refresh, StatusCode::OK),
    ] {
        let (status, body) = fixture.send(method, path, token, body).await;
        assert_eq!(status, expected.as_u16(), "{path}: {}", String::from_utf8_lossy(&body));
    }
    sinks_continue(&fixture).await;
    key_file_is_read_again(&path, &keys).await;
}

/// Each of the seven events reaches the last sink, although the others panic.
async fn sinks_continue(fixture: &Fixture) {
    wait_until("records", || fixture.recorded.load(Ordering::SeqCst) >= 7).await;
    wait_until("panics", || {
        fixture.sinks.dropped() >= 2 * fixture.recorded.load(Ordering::SeqCst) as u64
    })
    .await;
    assert!(fixture.sinks.health().is_err());
    let (status, body) = fixture.send("GET", "/health", "", Value::Null).await;
    assert_eq!((status, body.as_slice()), (200, &b"degraded: audit-sinks\n"[..]));
    fixture.sinks.close();
}

async fn key_file_is_read_again(path: &Path, keys: &KeyFile) {
    fs::write(path, "invalid").unwrap();
    wait_until("an error", || keys.last_error().is_some()).await;
    assert!(keys.health().is_err());
    fs::write(path, NEW).unwrap();
    let shown = || format!("{:?}", keys.try_current());
    wait_until("the new key", || shown().contains("new")).await;
    wait_until("health", || keys.health().is_ok()).await;
    assert!(keys.age() < Duration::from_secs(60));
}

async fn cleanup_continues() {
    let store = Arc::new(PanickingStore(AtomicUsize::new(0)));
    let settings = CleanupSettings::default().with_interval(Duration::from_millis(5)).unwrap();
    let settings = settings.with_batch_size(1).unwrap();
    let cleanup = Cleanup::spawn(Arc::clone(&store) as _, SystemClock, settings);
    let health = cleanup.health_check();
    wait_until("a panic", || store.0.load(Ordering::SeqCst) >= 1).await;
    wait_until("batches", || store.0.load(Ordering::SeqCst) >= 6).await;
    wait_until("health", || health().is_ok()).await;
    cleanup.stop().await;
    assert!(health().is_err());
}

fn audit_key() -> kleidia_tower::audit::AuditKey {
    kleidia_tower::audit::AuditKey::generate("tests").unwrap()
}
