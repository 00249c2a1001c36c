//! A service with hooks that a test scripts, behind a real socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kleidia_tower::access_token::{ExtraClaims, KeyRing, SigningKey};
use kleidia_tower::account::{
    AccessTokenContext, AccountHooks, AccountSettings, Accounts, HookDenial, HookError,
    LoginContext, NewAccountContext, PasswordChangeContext,
};
use kleidia_tower::api::Api;
use kleidia_tower::audit::{AuditKey, AuditQuery, AuditRecord, EventKind};
use kleidia_tower::lockout::LockoutPolicy;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::{MemoryStore, SqliteStore, Store};
use kleidia_tower::{ClientInfo, Principal};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const NEW_PASSWORD: &str = "another horse battery staple";

/// What a hook does.
#[derive(Clone, Debug, Default)]
pub(crate) enum Script {
    #[default]
    Allow,
    Deny,
    Conceal,
    Fail,
    Panic,
    Hang,
}

/// What the hooks do, and how often they were called.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    pub(crate) login: Mutex<Script>,
    pub(crate) claims: Mutex<Script>,
    pub(crate) creation: Mutex<Script>,
    pub(crate) password: Mutex<Script>,
    pub(crate) calls: AtomicUsize,
}

struct ScriptedHooks(Arc<Scripts>);

impl Scripts {
    async fn run(&self, script: &Mutex<Script>) -> Result<(), HookError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let script = script.lock().unwrap().clone();
        let denial = HookDenial::new("subscription_ended", "invoice 4711 is unpaid\u{202e}");
        match script {
            Script::Allow => Ok(()),
            Script::Deny => Err(denial.into()),
            Script::Conceal => Err(denial.concealed().into()),
            Script::Fail => Err(HookError::unavailable("the billing service does not respond")),
            Script::Panic => panic!("on purpose"),
            Script::Hang => std::future::pending().await,
        }
    }
}

#[async_trait]
impl AccountHooks for ScriptedHooks {
    async fn before_login(&self, login: LoginContext) -> Result<(), HookError> {
        assert!(login.client.address.is_some() && !login.account.is_disabled);
        self.0.run(&self.0.login).await
    }

    async fn before_account_creation(&self, new: NewAccountContext) -> Result<(), HookError> {
        assert!(new.password.is_some());
        self.0.run(&self.0.creation).await
    }

    async fn before_password_change(&self, new: PasswordChangeContext) -> Result<(), HookError> {
        assert_eq!(new.password.expose_secret(), NEW_PASSWORD);
        self.0.run(&self.0.password).await
    }

    async fn access_token_claims(
        &self,
        token: AccessTokenContext,
    ) -> Result<ExtraClaims, HookError> {
        self.0.run(&self.0.claims).await?;
        let claims = ExtraClaims::default().with("plan", "gold");
        let claims = claims.and_then(|claims| claims.with("name", token.account.name.as_str()));
        claims.map_err(HookError::unavailable)
    }
}

/// A running service, with the accounts `alice` and the admin `root`.
pub(crate) struct Service {
    pub(crate) accounts: Accounts,
    pub(crate) scripts: Arc<Scripts>,
    address: SocketAddr,
    _directory: Option<TempDir>,
}

/// A status and a body.
pub(crate) type Answer = (u16, Value);

impl Service {
    /// Starts a service on each store.
    pub(crate) async fn on_each_store() -> Vec<Self> {
        let directory = tempfile::tempdir().unwrap();
        let key = AuditKey::generate("hooks.example.com/log").unwrap();
        let sqlite = SqliteStore::open(directory.path().join("accounts.db"), key);
        let sqlite = sqlite.await.unwrap();
        let memory = Self::start(Arc::new(MemoryStore::default()), None).await;
        vec![memory, Self::start(Arc::new(sqlite), Some(directory)).await]
    }

    async fn start(store: Arc<dyn Store>, directory: Option<TempDir>) -> Self {
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        let lockout = LockoutPolicy::default().with_threshold(2).unwrap();
        let settings = AccountSettings::default().with_refresh_grace(Duration::ZERO).unwrap();
        let settings = settings.with_lockout(lockout);
        let scripts = Arc::<Scripts>::default();
        let accounts = Accounts::new(store, Arc::new(keys), options.start().unwrap())
            .with_settings(settings)
            .with_hooks(ScriptedHooks(Arc::clone(&scripts)))
            .with_hook_timeout(Duration::from_millis(200))
            .unwrap();
        for (name, role) in [("alice", RoleName::user()), ("root", RoleName::admin())] {
            let (roles, client) = ([role].into(), ClientInfo::default());
            accounts.create_user(None, name, PASSWORD.into(), roles, client).await.unwrap();
        }
        let claims = async |caller: Principal| {
            serde_json::to_string(caller.extra_claims().unwrap()).unwrap()
        };
        let claims = Router::new().route("/claims", get(claims)).layer(accounts.session_layer());
        let router = Router::new().nest("/api", Api::new(accounts.clone()).into_router());
        let router = router.merge(claims).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { accounts, scripts, address, _directory: directory }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Answer {
        let uri = format!("http://{}{path}", self.address);
        let mut request = http::Request::builder().method(method).uri(uri);
        request = request.header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(bytes::Bytes::from(body.to_string()))).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Answer {
        let body = json!({"username": name, "password": password});
        self.send("POST", "/api/auth/login", None, &body).await
    }

    pub(crate) async fn refresh(&self, tokens: &Value) -> Answer {
        let body = json!({"refresh_token": tokens["refresh_token"]});
        self.send("POST", "/api/auth/refresh", None, &body).await
    }

    /// Logs in, and returns the tokens.
    pub(crate) async fn tokens(&self, name: &str) -> Value {
        let (status, tokens) = self.log_in(name, PASSWORD).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// Returns the records of an event, newest first.
    pub(crate) async fn records(&self, kind: EventKind) -> Vec<AuditRecord> {
        self.accounts.flush().await;
        let query = AuditQuery { kind: Some(kind), ..AuditQuery::default() };
        self.accounts.audit(&query).await.unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        self.scripts.calls.load(Ordering::SeqCst)
    }
}

pub(crate) fn set(script: &Mutex<Script>, to: Script) {
    *script.lock().unwrap() = to;
}

#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.0, &answer.1["code"]), (status, &json!(code)), "{answer:?}");
}

/// Asserts that the client learns the code of the hook, and nothing else of it.
#[track_caller]
pub(crate) fn assert_denied(answer: &Answer) {
    assert_problem(answer, 403, "denied");
    assert_eq!(answer.1["denial"], "subscription_ended");
    assert!(!answer.1.to_string().contains("4711"), "{answer:?}");
}
