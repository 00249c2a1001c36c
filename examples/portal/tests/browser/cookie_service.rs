//! A service with sessions in cookies, for the clients of browsers that send no other credentials:
//! `EventSource` and `WebSocket`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use futures_util::{Stream, stream};
use http_guard::serve::Server;
use http_guard::stream::StreamWatch;
use http_guard::stream::websocket::WatchedWebSocketUpgrade;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest, TokenSet};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::SessionCookies;
use kleidia_tower::store::{MemoryStore, Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::portal::PASSWORD;

/// The time between two events.
const TICK: Duration = Duration::from_millis(50);

/// The keys of all nodes.
static KEYS: LazyLock<KeyRing> =
    LazyLock::new(|| KeyRing::new([SigningKey::generate().unwrap()]).unwrap());

/// A node of the service, in this process.
pub(crate) struct CookieService {
    pub(crate) accounts: Accounts,
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    /// The session of the next login.
    alice: Arc<Mutex<Option<TokenSet>>>,
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
    let keys = Arc::new(KEYS.clone());
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
        let cookies = SessionCookies::new("/refresh").unwrap();
        let layer = accounts.session_layer().with_cookies(cookies.clone());
        let (state, counted) = (Arc::clone(&counts), Arc::clone(&counts));
        let streams = Router::new()
            .route("/events", get(events))
            .route("/echo", any(echo))
            .route_layer(layer)
            .route_layer(from_fn(move |request: Request, next: Next| {
                counted.requests.fetch_add(1, Ordering::SeqCst);
                next.run(request)
            }))
            .with_state(state);
        let alice = Arc::new(Mutex::new(None::<TokenSet>));
        let (tokens, page) = (Arc::clone(&alice), "<!doctype html><title>Test</title>");
        // A login without a password.
        let set_cookies = async move || {
            let tokens = tokens.lock().unwrap().take().unwrap();
            (cookies.issue(&tokens).unwrap(), Html(page))
        };
        let router =
            streams.route("/", get(async move || Html(page))).route("/log-in", get(set_cookies));
        let (stop, stopped) = oneshot::channel();
        let closing = accounts.clone();
        let shutdown = async move {
            drop(stopped.await);
            closing.shut_down_streams();
        };
        let server = tokio::spawn(async move {
            Server::new().serve(listener, router, shutdown).await;
        });
        Self { accounts, address, counts, alice, stop, server }
    }

    /// Returns the URL of a page that responds, once, with the cookies of this session.
    pub(crate) fn log_in_url(&self, tokens: TokenSet) -> String {
        *self.alice.lock().unwrap() = Some(tokens);
        format!("http://{}/log-in", self.address)
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

/// Sends events with ascending numbers.
async fn events(
    State(counts): State<Arc<Counts>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(counts, async |counts| {
        tokio::time::sleep(TICK).await;
        let number = counts.events.fetch_add(1, Ordering::SeqCst).to_string();
        Some((Ok(Event::default().event("tick").id(&number).data(&number)), counts))
    }))
}

async fn echo(
    State(counts): State<Arc<Counts>>,
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
