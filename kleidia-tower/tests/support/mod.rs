//! A service with two accounts: alice, a user, and root, an admin.

// Each test binary uses only a part of it.
#![allow(dead_code, unreachable_pub, reason = "shared by several tests")]

pub(crate) mod http;
pub(crate) mod store;

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use ::http::{Request, Response};
use async_trait::async_trait;
use kleidia_tower::access_token::{KeyError, KeyProvider, KeyRing, SigningKey};
use kleidia_tower::account::{AccountSettings, AccountUpdate, Accounts, LoginRequest, TokenSet};
use kleidia_tower::audit::{AuditQuery, AuditRecord, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher, PasswordPolicy};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::session::{JwtSessionLayer, SessionCachingStore};
use kleidia_tower::store::{ChangeContext, Store};
use kleidia_tower::{ClientInfo, Principal, Timestamp, UserId, clock_fn};
use secrecy::ExposeSecret as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use store::FaultInjectingStore;

pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Fixture {
    pub(crate) accounts: Accounts,
    pub(crate) keys: Arc<ReplaceableKeys>,
    pub(crate) store: Arc<FaultInjectingStore>,
    clock: Arc<AtomicI64>,
}

/// Keys that a test replaces.
pub(crate) struct ReplaceableKeys(RwLock<KeyRing>);

impl ReplaceableKeys {
    fn generate() -> KeyRing {
        KeyRing::new([SigningKey::generate().unwrap()]).unwrap()
    }

    pub(crate) fn replace(&self) {
        *self.0.write().unwrap() = Self::generate();
    }
}

#[async_trait]
impl KeyProvider for ReplaceableKeys {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(self.0.read().unwrap().clone())
    }

    fn try_current(&self) -> Option<KeyRing> {
        Some(self.0.read().unwrap().clone())
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(FaultInjectingStore::default());
        Self::with_store(Arc::clone(&store), store, AccountSettings::default()).await
    }

    pub(crate) async fn with_settings(settings: AccountSettings) -> Self {
        let store = Arc::new(FaultInjectingStore::default());
        Self::with_store(Arc::clone(&store), store, settings).await
    }

    /// Adds a session cache whose entries outlive every test.
    pub(crate) async fn with_cache() -> Self {
        Self::with_max_staleness(std::time::Duration::from_secs(3600)).await
    }

    /// Adds a session cache.
    pub(crate) async fn with_max_staleness(max: std::time::Duration) -> Self {
        let store = Arc::new(FaultInjectingStore::default());
        let inner: Arc<dyn Store> = Arc::clone(&store) as _;
        let cached = Arc::new(SessionCachingStore::new(inner).with_max_staleness(max).unwrap());
        Self::with_store(store, cached, AccountSettings::default()).await
    }

    async fn with_store(
        faults: Arc<FaultInjectingStore>,
        store: Arc<dyn Store>,
        settings: AccountSettings,
    ) -> Self {
        let keys = Arc::new(ReplaceableKeys(RwLock::new(ReplaceableKeys::generate())));
        let clock = Arc::new(AtomicI64::new(NOW.as_second()));
        let accounts = accounts(store, &keys, &clock).with_settings(settings);
        for (name, role) in [("alice", RoleName::user()), ("root", RoleName::admin())] {
            let roles = [role].into();
            let created = accounts.create_user(None, name, PASSWORD.into(), roles, client_info());
            created.await.unwrap();
        }
        Self { accounts, keys, store: faults, clock }
    }

    /// Returns the accounts of another node with this store.
    pub(crate) fn other_node(&self) -> Accounts {
        accounts(Arc::clone(&self.store) as _, &self.keys, &self.clock)
    }

    /// Sets a password policy with a maximum age of one day.
    pub(crate) async fn with_daily_password_expiry() -> Self {
        let day = std::time::Duration::from_secs(24 * 3600);
        let password_policy = PasswordPolicy::default().with_max_age(day).unwrap();
        let settings = AccountSettings::default().with_password_policy(password_policy);
        Self::with_settings(settings).await
    }

    pub(crate) fn layer(&self) -> JwtSessionLayer {
        JwtSessionLayer::new(self.accounts.authenticator())
    }

    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) async fn log_in(&self, name: &str) -> TokenSet {
        let request = LoginRequest {
            user_name: name.to_owned(),
            password: PASSWORD.into(),
            client: client_info(),
            device_token: None,
        };
        self.accounts.log_in(request).await.unwrap()
    }

    /// Opens a session, and returns its `Authorization` value.
    pub(crate) async fn bearer(&self, name: &str) -> String {
        bearer(&self.log_in(name).await)
    }

    /// Opens a session, and returns the principal that the layer inserts for it.
    pub(crate) async fn principal(&self, name: &str) -> Principal {
        let found = Arc::new(Mutex::new(None));
        let (inserted, request) = (Arc::clone(&found), http::request(&[&self.bearer(name).await]));
        let service = self.layer().layer(service_fn(move |request: Request<String>| {
            *inserted.lock().unwrap() = request.extensions().get::<Principal>().cloned();
            std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
        }));
        service.oneshot(request).await.unwrap();
        let principal = found.lock().unwrap().take();
        principal.unwrap()
    }

    pub(crate) async fn disable(&self, id: UserId) {
        let update = AccountUpdate { is_disabled: Some(true), roles: None };
        self.update(id, update).await;
    }

    pub(crate) async fn set_roles(&self, id: UserId, roles: &[&str]) {
        let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.update(id, AccountUpdate { is_disabled: None, roles: Some(roles) }).await;
    }

    pub(crate) async fn update(&self, id: UserId, update: AccountUpdate) {
        let at = Timestamp::from_second(self.clock.load(Ordering::SeqCst)).unwrap();
        let change = ChangeContext { at, client: client_info(), actor: None };
        // Tests of other policies assign their roles.
        let others = update.roles.iter().flatten().filter(|role| **role != RoleName::admin());
        let policy =
            others.fold(Policy::default(), |policy, role| policy.with_role(role.clone(), []));
        let rules = RoleRules::for_operator(policy);
        let updated = self.accounts.store().update_account(id, update, &rules, &change).await;
        updated.unwrap().value.unwrap();
    }

    /// Returns the audit records of this kind, oldest first.
    pub(crate) async fn audit_records(&self, kind: EventKind) -> Vec<AuditRecord> {
        self.accounts.flush().await;
        let query = AuditQuery { kind: Some(kind), limit: usize::MAX, ..AuditQuery::default() };
        let mut records = self.accounts.audit(&query).await.unwrap();
        records.reverse();
        records
    }
}

fn accounts(
    store: Arc<dyn Store>,
    keys: &Arc<ReplaceableKeys>,
    clock: &Arc<AtomicI64>,
) -> Accounts {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let options = options.with_permits(2).unwrap().with_queue_limit(2000).unwrap();
    let (keys, seconds) = (Arc::<ReplaceableKeys>::clone(keys), Arc::clone(clock));
    Accounts::new(store, keys, options.start().unwrap())
        .with_clock(clock_fn(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).ok()))
}

pub(crate) fn bearer(tokens: &TokenSet) -> String {
    format!("Bearer {}", tokens.access_token.expose_secret())
}

fn client_info() -> ClientInfo {
    ClientInfo { address: "192.0.2.1".parse().ok(), user_agent: None }
}
