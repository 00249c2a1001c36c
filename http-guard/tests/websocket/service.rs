//! A service with one WebSocket, whose callers the test ends.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, Request};
use http_guard::serve::{Server, ShutdownSummary};
use http_guard::stream::websocket::{
    WatchedWebSocket, WatchedWebSocketUpgrade, WebSocketRejection, WebSocketSettings,
};
use http_guard::stream::{
    OpenStream, Reconnection, StreamCheck, StreamCheckFuture, StreamDecision, StreamEnd,
    StreamRegistry, StreamSettings,
};
use http_guard::{
    Allowed, Check, Decision, Guard, GuardedService, Problem, Rejection, RejectionRenderer,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower::layer::layer_fn;

use crate::client::Client;

pub(crate) const ENDED: StreamEnd =
    StreamEnd::new(Problem::unauthorized("session_ended", "It ended"), Reconnection::Never);
pub(crate) const ALLOW: StreamDecision = StreamDecision::Allow { valid_for: None };

/// A service, and the streams of its only caller.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) registry: StreamRegistry<TestCheck>,
    script: Arc<Script>,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<ShutdownSummary>,
}

/// Decides as the test says.
pub(crate) struct TestCheck(Arc<Script>);

struct Script {
    decision: Mutex<StreamDecision>,
    valid_for: Mutex<Option<Duration>>,
    checks: AtomicUsize,
}

impl Service {
    /// Serves WebSockets with this handler.
    pub(crate) async fn start<H, F>(settings: WebSocketSettings, handler: H) -> Self
    where
        H: FnOnce(WatchedWebSocket) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let script = Script {
            decision: Mutex::new(ALLOW),
            valid_for: Mutex::default(),
            checks: AtomicUsize::new(0),
        };
        let script = Arc::new(script);
        let limits = StreamSettings::default().with_max_per_principal(1).unwrap();
        let registry = StreamRegistry::new(TestCheck(Arc::clone(&script)), limits);
        let socket = move |headers: HeaderMap, upgrade: WatchedWebSocketUpgrade| async move {
            let upgrade = upgrade.check_origin(&headers, ["https://app.example"])?;
            let upgrade = upgrade.map(|upgrade| upgrade.protocols(["chat"]));
            Ok::<_, WebSocketRejection>(upgrade.with_settings(settings).on_upgrade(handler))
        };
        let guard = TestGuard {
            registry: registry.clone(),
            renderer: RejectionRenderer::new("Test", "test"),
        };
        let guard = Arc::new(guard);
        let routes = Router::new()
            .route("/socket", get(socket))
            .layer(layer_fn(move |inner| GuardedService::new(inner, Arc::clone(&guard))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = tokio::spawn(async {
            Server::new().serve(listener, routes, async { stopped.await.unwrap() }).await
        });
        Self { address, registry, script, stop, stopped }
    }

    pub(crate) async fn open(&self) -> Client {
        Client::open(self.address).await
    }

    pub(crate) fn end(&self, end: StreamEnd) {
        assert_eq!(self.registry.end_principal(&"alice", end), 1);
    }

    /// Waits until all connections have ended, for the server's shutdown timeout at most.
    pub(crate) async fn stop(self) -> ShutdownSummary {
        self.stop.send(()).unwrap();
        self.stopped.await.unwrap()
    }

    /// Waits until a check that starts now is complete.
    pub(crate) async fn check(&self) {
        // Those of one key follow each other.
        let checks = || self.script.checks.load(Ordering::SeqCst);
        let expected = checks() + 2;
        while checks() < expected {
            self.registry.check_all();
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Decides the next checks, and how long streams are valid before the first one.
    pub(crate) fn decide(&self, decision: StreamDecision, valid_for: Option<Duration>) {
        *self.script.decision.lock().unwrap() = decision;
        *self.script.valid_for.lock().unwrap() = valid_for;
    }
}

impl StreamCheck for TestCheck {
    type Principal = &'static str;
    type Key = ();
    type Stream = ();

    fn check(&self, _: &'static str, (): (), streams: Vec<OpenStream<Self>>) -> StreamCheckFuture {
        self.0.checks.fetch_add(1, Ordering::SeqCst);
        let decisions = vec![*self.0.decision.lock().unwrap(); streams.len()];
        Box::pin(async { decisions })
    }

    fn valid_for(&self, (): &()) -> Option<Duration> {
        *self.0.valid_for.lock().unwrap()
    }
}

/// Allows all requests.
struct TestGuard {
    registry: StreamRegistry<TestCheck>,
    renderer: RejectionRenderer<Never>,
}

impl Guard for TestGuard {
    type Rejection = Never;
    type Lookup = Infallible;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Infallible, Never> {
        let watch = self.registry.watch("alice", (), ());
        request.extensions_mut().insert(watch.clone());
        Check::Ready(Ok(Allowed { watch: Some(watch), ..Allowed::default() }))
    }

    fn finish<B>(&self, _: &mut Request<B>, lookup: Infallible) -> Decision<Never> {
        match lookup {}
    }

    fn renderer(&self) -> &RejectionRenderer<Never> {
        &self.renderer
    }
}

#[derive(Clone, Debug)]
enum Never {}

impl Rejection for Never {
    fn problem(&self) -> Problem {
        match *self {}
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

/// Sends back what it receives.
pub(crate) async fn echo(mut socket: WatchedWebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
