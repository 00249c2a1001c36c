//! A server that is silent: connections stay open, and nothing is answered.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kleidia_tower::account::AccountStore as _;
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore, StoreError};
use test_servers::PostgresServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::numbered::{at, audit_key, create};

/// More than any of the timeouts of the stores here, on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A proxy whose connections become silent for ever: all that are open, or those on which a node sends
/// a certain text.
struct SilentProxy {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_silent: AtomicBool,
    trigger: Mutex<Option<&'static str>>,
    triggered: Notify,
    /// Connections are closed, instead of silent.
    cuts: AtomicBool,
}

impl SilentProxy {
    async fn start(url: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let url = url.replace(&format!(":{port}/"), &format!(":{own_port}/"));
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, Arc::clone(&accepting)));
            }
        });
        Self { url, shared }
    }

    async fn silence_open_connections(&self) {
        self.shared.is_silent.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    fn forward_new_connections(&self) {
        self.shared.is_silent.store(false, Ordering::SeqCst);
    }

    fn silence_at(&self, trigger: Option<&'static str>) {
        *self.shared.trigger.lock().unwrap() = trigger;
    }
}

async fn forward(mut client: TcpStream, port: u16, shared: Arc<Shared>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let sending = async {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let sent = String::from_utf8_lossy(&buffer[..length]);
            if shared.trigger.lock().unwrap().is_some_and(|trigger| sent.contains(trigger)) {
                return shared.triggered.notify_one();
            }
            if to_server.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
        pending::<()>().await;
    };
    let silence = async {
        while !shared.is_silent.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = copy(&mut from_server, &mut to_client) => {}
        // The connection stays open, but nothing is forwarded.
        () = sending => if !shared.cuts.load(Ordering::SeqCst) { pending().await },
        () = silence => pending().await,
    }
}

/// A store behind a proxy, with timeouts of a second.
async fn open(max_connections: u32) -> (PostgresStore, SilentProxy) {
    open_with(max_connections, Duration::from_secs(1)).await
}

async fn open_with(
    max_connections: u32,
    connection_timeout: Duration,
) -> (PostgresStore, SilentProxy) {
    let server = PostgresServer::shared();
    let proxy = SilentProxy::start(&server.create_database(), server.port()).await;
    let second = Duration::from_secs(1);
    let options = PostgresOptions::default().with_max_connections(max_connections).unwrap();
    let options = options.with_connection_timeout(connection_timeout).unwrap();
    let options = options.with_statement_timeout(second).unwrap();
    let options = options.with_lock_timeout(second).unwrap();
    // What seals would be the first to notice.
    let options = options.with_seal_interval(Duration::from_secs(3600)).unwrap();
    (PostgresStore::open_with(&proxy.url, audit_key(), options).await.unwrap(), proxy)
}

/// Repeats an operation until it succeeds: an earlier one may have begun to connect while the server was
/// silent, and keep the connection from this one for as long as this one waits for it.
async fn eventually<T>(operation: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let start = Instant::now();
    loop {
        match operation().await {
            Ok(value) => return value,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
    }
}

/// Expects that an operation fails, instead of waiting for ever.
async fn fails<T>(operation: impl Future<Output = Result<T, StoreError>>) {
    let outcome = tokio::time::timeout(DEADLINE, operation).await.expect("it has an end");
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_does_not_wait_for_a_silent_server() {
    let (store, proxy) = open(1).await;
    let alice = create(&store, "alice").await;
    proxy.silence_open_connections().await;
    let all = SessionSelector::All { user: alice.id };
    fails(store.end_sessions(all, EndReason::Revoked, &at(1))).await;
    // Nor for a new connection.
    fails(store.account(alice.id)).await;
    proxy.forward_new_connections();
    assert_eq!(eventually(async || store.account(alice.id).await).await, Some(alice));
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_does_not_wait_for_a_server_that_is_silent_after_the_login() {
    let (store, proxy) = open(1).await;
    let alice = create(&store, "alice").await;
    proxy.silence_open_connections().await;
    fails(store.account(alice.id)).await;
    proxy.silence_at(Some("SET application_name"));
    proxy.forward_new_connections();
    fails(store.account(alice.id)).await;
    fails(store.account(alice.id)).await;
    proxy.silence_at(None);
    assert_eq!(eventually(async || store.account(alice.id).await).await, Some(alice));
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_does_not_keep_a_silent_connection() {
    let (store, proxy) = open(1).await;
    let alice = create(&store, "alice").await;
    proxy.silence_at(Some("clock_timestamp"));
    let triggered = proxy.shared.triggered.notified();
    tokio::time::timeout(DEADLINE, triggered).await.expect("the clock reads the time");
    proxy.silence_at(None);
    assert_eq!(eventually(async || store.account(alice.id).await).await, Some(alice));
}

/// No standby is missing, so the connection is silent.
#[tokio::test(flavor = "multi_thread")]
async fn silent_commit_does_not_keep_its_connection() {
    // Of 3 connections one can write.
    let (store, proxy) = open(3).await;
    let alice = create(&store, "alice").await;
    let all = SessionSelector::All { user: alice.id };
    proxy.silence_at(Some("COMMIT"));
    fails(store.end_sessions(all, EndReason::Revoked, &at(1))).await;
    proxy.silence_at(None);
    let end = async || store.end_sessions(all, EndReason::Revoked, &at(1)).await;
    drop(eventually(end).await);
}

/// The reserved connection cannot be opened, and that of clients is free later.
#[tokio::test(flavor = "multi_thread")]
async fn background_work_waits_for_other_connections_if_its_own_fails() {
    let (store, proxy) = open_with(3, DEADLINE).await;
    let alice = create(&store, "alice").await;
    let (holder, connection) =
        tokio_postgres::connect(&proxy.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    holder.batch_execute("BEGIN; SELECT FROM accounts FOR UPDATE").await.unwrap();
    proxy.shared.cuts.store(true, Ordering::SeqCst);
    proxy.silence_at(Some("SET application_name"));
    let (all, change) = (SessionSelector::All { user: alice.id }, at(1));
    // Waits for the lock with the only connection that may write.
    let ending = store.end_sessions(all, EndReason::Revoked, &change);
    let (ended, sealed) = tokio::join!(ending, store.seal());
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(sealed.unwrap().unwrap().size(), 1);
}
