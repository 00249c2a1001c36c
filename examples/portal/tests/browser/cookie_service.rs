//! A service that keeps session tokens in cookies, for the clients of browsers that send no other
//! credentials: `EventSource` and `WebSocket`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use futures_util::{Stream, stream};
use http::StatusCode;
use http::header::COOKIE;
use http_guard::serve::Server;
use http_guard::stream::StreamWatch;
use http_guard::stream::websocket::WatchedWebSocketUpgrade;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest, TokenSet};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::{MemoryStore, Store};
use kleidia_tower::{ClientInfo, Rejection};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::portal::PASSWORD;

/// The time between two events.
const TICK: Duration = Duration::from_millis(50);

/// A node of the service, in this process.
pub(crate) struct CookieService {
    pub(crate) accounts: Accounts,
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// What the streams of a service have sent, and how many requests it has had for them.
#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    events: AtomicU64,
    late_echoes: AtomicUsize,
}

/// The accounts of a node. The nodes share the store.
pub(crate) fn accounts(store: &Arc<MemoryStore>) -> Accounts {
    let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let keys = Arc::new(KeyRing::new([SigningKey::generate().unwrap()]).unwrap());
    let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(store);
    Accounts::new(store, keys, hasher.start().unwrap())
}

/// Creates alice, and logs in.
pub(crate) async fn log_in_alice(accounts: &Accounts) -> TokenSet {
    let client = ClientInfo::new("192.0.2.1".parse().unwrap());
    let roles = [RoleName::user()].into();
    let created = accounts.create_user(None, "alice", PASSWORD.into(), roles, client.clone());
    created.await.unwrap();
    let (user_name, password) = ("alice".to_owned(), PASSWORD.into());
    let attempt = LoginRequest { user_name, password, client, device_token: None };
    accounts.log_in(attempt).await.unwrap()
}

impl CookieService {
    pub(crate) async fn start(accounts: Accounts, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let state = (accounts.clone(), Arc::clone(&counts));
        let streams = Router::new()
            .route("/events", get(events))
            .route("/echo", any(echo))
            .route_layer(from_fn_with_state(state.clone(), authenticate))
            .with_state(state);
        let router =
            streams.route("/", get(|| async { Html("<!doctype html><title>Test</title>") }));
        let (stop, stopped) = oneshot::channel();
        let closing = accounts.clone();
        let shutdown = async move {
            drop(stopped.await);
            closing.shut_down_streams();
        };
        let server = tokio::spawn(async move {
            Server::new().serve(listener, router, shutdown).await;
        });
        Self { accounts, address, counts, stop, server }
    }

    /// Returns how many requests there were, rejected ones too.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Returns how many messages were sent to WebSockets whose stream had ended before.
    pub(crate) fn late_echoes(&self) -> usize {
        self.counts.late_echoes.load(Ordering::SeqCst)
    }

    /// Stops this node as at a shutdown. Returns its address, which is free then.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
        self.address
    }
}

type Service = (Accounts, Arc<Counts>);

/// Authenticates the session of the cookie.
async fn authenticate(
    State((accounts, counts)): State<Service>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    counts.requests.fetch_add(1, Ordering::SeqCst);
    let cookie = request.headers().get(COOKIE).and_then(|value| value.to_str().ok());
    let token = cookie.and_then(|cookie| cookie.strip_prefix("session="));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let authenticator = accounts.authenticator();
    let session = authenticator.authenticate_session_token(token).await;
    let watch =
        authenticator.watch_session(session.map_err(|rejection: Rejection| rejection.status())?);
    request.extensions_mut().insert(watch.clone());
    Ok(watch.wrap_response(next.run(request).await).map(Body::new).into_response())
}

/// Sends events with ascending numbers.
async fn events(
    State((_, counts)): State<Service>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(counts, async |counts| {
        tokio::time::sleep(TICK).await;
        let number = counts.events.fetch_add(1, Ordering::SeqCst).to_string();
        Some((Ok(Event::default().event("tick").id(&number).data(&number)), counts))
    }))
}

async fn echo(
    State((_, counts)): State<Service>,
    Extension(watch): Extension<StreamWatch>,
    upgrade: WatchedWebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            let is_late = watch.try_ended().is_some();
            if socket.send(message).await.is_err() {
                break;
            }
            counts.late_echoes.fetch_add(usize::from(is_late), Ordering::SeqCst);
        }
    })
}
