//! A node: accounts, and a server of streams and of their API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use http_guard::serve::{Server, ShutdownSummary};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kleidia_tower::access_token::KeyRing;
use kleidia_tower::account::{Accounts, LoginRequest, TokenSet};
use kleidia_tower::api::Api;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{Permission, Policy, Requirement, RoleName};
use kleidia_tower::session::{SessionEvent, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore, Store};
use kleidia_tower::{ClientInfo, UserId};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::numbered::audit_key;
use crate::ticks;

const PASSWORD: &str = "correct horse battery staple";
const ADMIN: &str = "root";

/// A running node.
pub(crate) struct Node {
    pub(crate) accounts: Accounts,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<ShutdownSummary>,
}

impl Node {
    /// Serves streams with a message in each interval to those who may read ticks.
    pub(crate) async fn start(accounts: Accounts, server: Server, interval: Duration) -> Self {
        let readers = accounts.require(Requirement::permission(read_ticks()));
        let streams = ticks::routes(interval).layer(readers).layer(accounts.session_layer());
        let api = Api::new(accounts.clone()).into_router();
        let router = Router::new().nest("/api", api).merge(streams);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            server.serve(listener, router, shutdown).await
        });
        Self { accounts, address, stop, serving }
    }

    /// Shuts down as a service does, and returns how many streams were open, and the result.
    pub(crate) async fn stop(self) -> (usize, ShutdownSummary) {
        self.stop.send(()).unwrap();
        let streams = self.accounts.shut_down_streams();
        (streams, self.serving.await.unwrap())
    }

    pub(crate) async fn create_user(&self, name: &str) {
        let (roles, client) = ([RoleName::user()].into(), ClientInfo::default());
        self.accounts.create_user(None, name, PASSWORD.into(), roles, client).await.unwrap();
    }

    pub(crate) async fn log_in_as_admin(&self) -> TokenSet {
        self.accounts.ensure_admin(ADMIN, PASSWORD.into()).await.unwrap();
        self.log_in(ADMIN).await
    }

    pub(crate) async fn log_in(&self, name: &str) -> TokenSet {
        let request = LoginRequest {
            user_name: name.to_owned(),
            password: PASSWORD.into(),
            client: ClientInfo::new("192.0.2.1".parse().unwrap()),
            device_token: None,
        };
        self.accounts.log_in(request).await.unwrap()
    }

    /// Logs out. Returns when that began, and when the response arrived.
    pub(crate) async fn log_out(&self, tokens: &TokenSet) -> (Instant, Instant) {
        self.send(tokens, Method::POST, "/auth/logout", "").await
    }

    /// Updates the account of a user. Returns the times as [`Self::log_out`] does.
    pub(crate) async fn update_user(
        &self,
        admin: &TokenSet,
        user: UserId,
        update: &'static str,
    ) -> (Instant, Instant) {
        self.send(admin, Method::PATCH, &format!("/admin/users/{user}"), update).await
    }

    /// Sends a request to the API.
    async fn send(
        &self,
        caller: &TokenSet,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> (Instant, Instant) {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}/api{path}", self.address))
            .header(AUTHORIZATION, bearer(caller))
            .header(CONTENT_TYPE, "application/json");
        let started = Instant::now();
        let response = client.request(request.body(body.into()).unwrap()).await.unwrap();
        let answered = Instant::now();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        drop(response.into_body().collect().await.unwrap());
        (started, answered)
    }
}

pub(crate) fn bearer(tokens: &TokenSet) -> String {
    format!("Bearer {}", tokens.access_token.expose_secret())
}

fn read_ticks() -> Permission {
    "ticks:read".parse().unwrap()
}

pub(crate) fn accounts(store: Arc<dyn Store>, keys: &KeyRing) -> Accounts {
    let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let policy = Policy::default().with_role(RoleName::user(), [read_ticks()]);
    Accounts::new(store, Arc::new(keys.clone()), hasher.start().unwrap()).with_policy(policy)
}

/// Opens the store of a node, and waits until it receives events of others.
pub(crate) async fn open_store(url: &str) -> Arc<PostgresStore> {
    let timeout = Duration::from_secs(1);
    let options = PostgresOptions::default().with_max_connections(4).unwrap();
    let options = options.with_connection_timeout(timeout).unwrap();
    let store = PostgresStore::open_with(url, audit_key(), options).await.unwrap();
    let mut events = store.session_events().unwrap().subscribe();
    while !matches!(events.next().await, Some(SessionEvent::UpToDate { .. })) {}
    Arc::new(store)
}
