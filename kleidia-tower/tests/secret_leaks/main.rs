//! No secret leaks into a log, an audit record, an error or a `Debug` form, in any encoding.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod output;
mod secrets;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{
    AccountError, AccountLookup, Accounts, LoginRequest, NewAccount, PasswordHash, TokenSet,
};
use kleidia_tower::audit::{AuditQuery, AuditSinks, TracingSink};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{Policy, RoleRules};
use kleidia_tower::session::JwtSessionLayer;
use kleidia_tower::store::{ChangeContext, MemoryStore, Store};
use kleidia_tower::{ClientInfo, Rejection, Timestamp, UserId, clock_fn};
use secrecy::{ExposeSecret as _, SecretString};
use tower::{Layer as _, ServiceExt as _, service_fn};

use output::RecordedOutput;
use secrets::Secrets;

const KEY: &[u8] = b"canary-key-of-access-tokens-000001";
const PASSWORD: &str = "canary-password-in-use";
const WRONG: &str = "canary-wrong-password";
const NEW: &str = "canary-new-password";
const WITH_NAME: &str = "canary-alice-password";
const AS_NAME: &str = "canary-password-typed-as-a-name";
const NO_HASH: &str = "canary-that-is-no-hash-at-all";

fn here() -> ClientInfo {
    ClientInfo::new("192.0.2.1".parse().unwrap())
}

struct Fixture {
    accounts: Accounts,
    clock: Arc<AtomicI64>,
    sinks: AuditSinks,
    output: RecordedOutput,
    secrets: Secrets,
}

impl Fixture {
    fn new(output: RecordedOutput, store: Arc<dyn Store>) -> Self {
        let mut secrets = Secrets::default();
        secrets.add("key", KEY);
        for password in [PASSWORD, WRONG, NEW, WITH_NAME, AS_NAME, NO_HASH] {
            secrets.add(password, password.as_bytes());
        }
        let key = SigningKey::new("canary", KEY.to_vec()).unwrap();
        output.record(&key);
        output.record(&SigningKey::new("short", KEY[..16].to_vec()).unwrap_err());
        secrets.add("short key", &KEY[..16]);
        output.record(&KeyRing::new([key.clone(), key.clone()]).unwrap_err());
        let keys = KeyRing::new([key]).unwrap();
        output.record(&keys);
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let options = options.with_permits(1).unwrap().with_queue_limit(16).unwrap();
        let hasher = options.start().unwrap();
        let sinks = AuditSinks::new(vec![Box::new(TracingSink)], 1000).unwrap();
        let clock = Arc::new(AtomicI64::new(1_795_370_580));
        let seconds = Arc::clone(&clock);
        let accounts = Accounts::new(store, Arc::new(keys), hasher)
            .with_audit_sinks(sinks.clone())
            .with_clock(clock_fn(move || {
                Timestamp::from_second(seconds.load(Ordering::Relaxed)).ok()
            }));
        Self { accounts, clock, sinks, output, secrets }
    }

    fn advance_clock(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<TokenSet, AccountError> {
        let (user_name, password) = (name.to_owned(), password.into());
        let request = LoginRequest { user_name, password, client: here(), device_token: None };
        self.output.record(&request);
        self.accounts.log_in(request).await
    }

    /// Adds issued credentials to the secrets.
    fn add_credentials(&mut self, tokens: &TokenSet) {
        self.output.record(tokens);
        let access = tokens.access_token.expose_secret();
        self.secrets.add("access token", access.as_bytes());
        let signature = access.rsplit('.').next().unwrap();
        self.secrets.add("signature", &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap());
        let session = tokens.session_token.iter();
        for (name, token) in [("refresh token", &tokens.refresh_token)]
            .into_iter()
            .chain(session.map(|token| ("session token", token)))
            .chain(tokens.device_token.iter().map(|token| ("device token", token)))
        {
            let text = token.expose_secret();
            self.secrets.add(name, text.as_bytes());
            self.secrets.add(name, &BASE64_URL_SAFE_NO_PAD.decode(text).unwrap());
        }
    }

    /// Sends an access token through the layer to a service that logs the request.
    async fn send(&self, token: &str) -> u16 {
        let inner = service_fn(|request: Request<()>| async move {
            tracing::trace!(?request, extensions = ?request.extensions(), "passed");
            let principal = request.extensions().get::<kleidia_tower::Principal>();
            tracing::trace!(?principal, "known");
            Ok::<_, Infallible>(Response::new(()))
        });
        let layer = JwtSessionLayer::new(self.accounts.authenticator());
        self.output.record(&layer);
        let authorization = format!("Bearer {token}");
        let request = Request::builder().header(AUTHORIZATION, authorization).body(()).unwrap();
        let response = layer.layer(inner).oneshot(request).await.unwrap();
        self.output.record(&response.headers());
        if let Some(rejection) = response.extensions().get::<Rejection>() {
            self.output.record_error(rejection.code(), Err::<(), _>(rejection.clone()));
        }
        response.status().as_u16()
    }

    async fn change_password(
        &self,
        tokens: &TokenSet,
        from: &str,
        to: &str,
    ) -> Result<(), AccountError> {
        let (current, new) = (SecretString::from(from), SecretString::from(to));
        let view = &tokens.session;
        self.accounts.change_password(view, current, new, here()).await
    }
}

#[tokio::test]
async fn leaks_no_secret() {
    let output = RecordedOutput::from_log();
    run(output.clone(), Arc::new(MemoryStore::default())).await;
    #[cfg(feature = "sqlite")]
    run_with_file(output.clone()).await;
    #[cfg(feature = "postgres")]
    run_with_server(output).await;
}

/// The file contains the hashes of passwords, and no other secret.
#[cfg(feature = "sqlite")]
async fn run_with_file(output: RecordedOutput) {
    let directory = tempfile::tempdir().unwrap();
    let store =
        kleidia_tower::store::SqliteStore::open(directory.path().join("store.db"), audit_key());
    let store = Arc::new(store.await.unwrap());
    let secrets = run(output, Arc::clone(&store) as Arc<dyn Store>).await;
    for is_closed in [false, true] {
        let files = directory.path().read_dir().unwrap().map(|file| file.unwrap().path());
        let octets: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap()).collect();
        let hash = format!("{NO_HASH}, plain");
        let leaked = secrets.leaked_in(&octets);
        assert!(leaked.contains(&hash.as_str()), "the file has no hashes");
        let is_other = |form: &&str| ![hash.as_str(), "hash, plain"].contains(form);
        assert_eq!(leaked.into_iter().filter(is_other).collect::<Vec<_>>(), [""; 0]);
        if !is_closed {
            store.close().await;
        }
    }
}

/// The driver logs the values of parameters.
#[cfg(feature = "postgres")]
async fn run_with_server(output: RecordedOutput) {
    let url = test_servers::PostgresServer::shared().create_database();
    let store = kleidia_tower::store::PostgresStore::open(&url, audit_key()).await.unwrap();
    run(output, Arc::new(store)).await;
}

async fn run(output: RecordedOutput, store: Arc<dyn Store>) -> Secrets {
    let mut fixture = Fixture::new(output, store);
    create(&mut fixture).await;
    let alice = log_in(&mut fixture).await;
    let alice = refresh(&mut fixture, alice).await;
    change_password(&mut fixture, alice).await;
    lock(&fixture).await;
    read_everything(&fixture).await;

    fixture.sinks.close();
    let text = fixture.output.text();
    // The output is complete.
    for expected in [
        "login.success",
        "login.failure",
        "login.locked",
        "token.reuse",
        "password.changed",
        "\"authorization\": Sensitive",
        "TRACE",
        "SessionView",
    ] {
        let is_there = text.windows(expected.len()).any(|window| window == expected.as_bytes());
        assert!(is_there, "{expected}");
    }
    assert_eq!(fixture.secrets.leaked_in(&text), [""; 0]);
    fixture.secrets
}

async fn create(fixture: &mut Fixture) {
    let create = async |name: &str, password: &str| {
        fixture
            .accounts
            .create_user(None, name, password.into(), [].into(), ClientInfo::default())
            .await
    };
    let rejected = create("alice", WITH_NAME).await;
    fixture.output.record_error("password_rejected", rejected);
    let alice = create("alice", PASSWORD).await.unwrap();
    fixture.output.record_error("name_taken", create("alice", PASSWORD).await);
    fixture.output.record_error("malformed_request", create("\u{200b}", PASSWORD).await);

    let store = fixture.accounts.store();
    let found = store.account_with_password(AccountLookup::Id(alice.id)).await.unwrap();
    let (_, stored) = found.unwrap();
    fixture.output.record(&stored);
    let (_, hash) = stored.current.as_str().rsplit_once('$').unwrap();
    fixture.secrets.add("hash", hash.as_bytes());

    let password = PasswordHash::new(NO_HASH.to_owned());
    let broken = NewAccount::new("broken".parse().unwrap(), [].into(), password);
    fixture.output.record(&broken);
    let at = Timestamp::from_second(fixture.clock.load(Ordering::Relaxed)).unwrap();
    let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
    let rules = RoleRules::for_operator(Policy::default());
    let created = store.create_account(broken, &rules, &change).await.unwrap();
    fixture.output.record(&created);
    fixture.output.record_error("unavailable", fixture.log_in("broken", PASSWORD).await);
}

async fn log_in(fixture: &mut Fixture) -> TokenSet {
    let alice = fixture.log_in("alice", PASSWORD).await.unwrap();
    fixture.add_credentials(&alice);
    for (name, password) in
        [("alice", WRONG), ("nobody", WRONG), (AS_NAME, "x"), (&format!("{AS_NAME}\u{200b}"), "x")]
    {
        fixture.output.record_error("invalid_credentials", fixture.log_in(name, password).await);
    }
    let access = alice.access_token.expose_secret();
    assert_eq!(fixture.send(access).await, 200);
    assert_eq!(fixture.send(alice.refresh_token.expose_secret()).await, 401);
    let tampered = access.replacen('.', ".e", 1);
    assert_eq!(fixture.send(&tampered).await, 401);
    fixture.advance_clock(1800);
    assert_eq!(fixture.send(access).await, 401);
    alice
}

async fn refresh(fixture: &mut Fixture, alice: TokenSet) -> TokenSet {
    let refresh =
        async |token: &SecretString| fixture.accounts.refresh(token, ClientInfo::default()).await;
    let refreshed = refresh(&alice.refresh_token).await.unwrap();
    let retried = refresh(&alice.refresh_token).await.unwrap();
    fixture.advance_clock(10);
    fixture.output.record_error("refresh_reused", refresh(&alice.refresh_token).await);
    fixture.output.record_error("refresh_invalid", refresh(&refreshed.refresh_token).await);
    fixture.output.record_error("refresh_invalid", refresh(&alice.access_token).await);
    for tokens in [refreshed, retried] {
        fixture.add_credentials(&tokens);
    }
    let alice = fixture.log_in("alice", PASSWORD).await.unwrap();
    fixture.add_credentials(&alice);
    alice
}

async fn change_password(fixture: &mut Fixture, alice: TokenSet) {
    for (from, to, expected) in [
        (WRONG, NEW, "current_password_wrong"),
        (PASSWORD, WITH_NAME, "password_rejected"),
        (PASSWORD, PASSWORD, "password_rejected"),
    ] {
        fixture.output.record_error(expected, fixture.change_password(&alice, from, to).await);
    }
    fixture.change_password(&alice, PASSWORD, NEW).await.unwrap();
    let token = alice.session_token.unwrap();
    let authenticator = fixture.accounts.authenticator();
    let known = authenticator.authenticate_session_token(token.expose_secret()).await.unwrap();
    fixture.output.record(&known);
    fixture.accounts.log_out(&known, ClientInfo::default()).await.unwrap();
    let gone = authenticator.authenticate_session_token(token.expose_secret()).await;
    fixture.output.record_error("session_expired", gone);
}

async fn lock(fixture: &Fixture) {
    for _ in 0..7 {
        fixture.output.record_error("invalid_credentials", fixture.log_in("alice", WRONG).await);
    }
    fixture.output.record_error("invalid_credentials", fixture.log_in("alice", NEW).await);
}

async fn read_everything(fixture: &Fixture) {
    let accounts = &fixture.accounts;
    let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
    fixture.output.record(accounts);
    fixture.output.record(&accounts.authenticator());
    accounts.flush().await;
    fixture.output.record(&accounts.audit(&query).await.unwrap());
    fixture.output.record(&accounts.users(None, 10).await.unwrap());
    for user in [1, 2].map(UserId::new) {
        fixture.output.record(&accounts.sessions(user).await.unwrap());
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn audit_key() -> kleidia_tower::audit::AuditKey {
    kleidia_tower::audit::AuditKey::generate("tests").unwrap()
}
