//! No secret is in any log, audit record, error or `Debug`, in any form.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod evidence;
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
use kleidia_tower::session::JwtSessionLayer;
use kleidia_tower::store::{ChangeContext, MemoryStore, Store};
use kleidia_tower::{ClientInfo, Rejection, Timestamp, UserId, clock_fn};
use secrecy::{ExposeSecret as _, SecretString};
use tower::{Layer as _, ServiceExt as _, service_fn};

use evidence::Evidence;
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

struct Scene {
    accounts: Accounts,
    clock: Arc<AtomicI64>,
    sinks: AuditSinks,
    evidence: Evidence,
    secrets: Secrets,
}

impl Scene {
    fn new(evidence: Evidence, store: Arc<dyn Store>) -> Self {
        let mut secrets = Secrets::default();
        secrets.add("key", KEY);
        for password in [PASSWORD, WRONG, NEW, WITH_NAME, AS_NAME, NO_HASH] {
            secrets.add(password, password.as_bytes());
        }
        let key = SigningKey::new("canary", KEY.to_vec()).unwrap();
        evidence.note(&key);
        evidence.note(&SigningKey::new("short", KEY[..16].to_vec()).unwrap_err());
        secrets.add("short key", &KEY[..16]);
        evidence.note(&KeyRing::new([key.clone(), key.clone()]).unwrap_err());
        let keys = KeyRing::new([key]).unwrap();
        evidence.note(&keys);
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let options = options.with_permits(1).unwrap().with_queue_limit(16);
        let hasher = options.start().unwrap();
        let sinks = AuditSinks::new(vec![Box::new(TracingSink)], 1000).unwrap();
        let clock = Arc::new(AtomicI64::new(1_795_370_580));
        let told = Arc::clone(&clock);
        let accounts = Accounts::new(store, Arc::new(keys), hasher)
            .with_audit_sinks(sinks.clone())
            .with_clock(clock_fn(move || {
                Timestamp::from_second(told.load(Ordering::Relaxed)).ok()
            }));
        Self { accounts, clock, sinks, evidence, secrets }
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<TokenSet, AccountError> {
        let (user_name, password) = (name.to_owned(), password.into());
        let log_in = LoginRequest { user_name, password, client: here() };
        self.evidence.note(&log_in);
        self.accounts.log_in(log_in).await
    }

    /// Keeps an eye on all credentials that somebody got.
    fn learn(&mut self, tokens: &TokenSet) {
        self.evidence.note(tokens);
        let access = tokens.access_token.expose_secret();
        self.secrets.add("access token", access.as_bytes());
        let signature = access.rsplit('.').next().unwrap();
        self.secrets.add("signature", &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap());
        let session = tokens.session_token.iter();
        for (name, token) in [("refresh token", &tokens.refresh_token)]
            .into_iter()
            .chain(session.map(|token| ("session token", token)))
        {
            let text = token.expose_secret();
            self.secrets.add(name, text.as_bytes());
            self.secrets.add(name, &BASE64_URL_SAFE_NO_PAD.decode(text).unwrap());
        }
    }

    /// Sends an access token through the layer, to a service that logs what it gets.
    async fn send(&self, token: &str) -> u16 {
        let inner = service_fn(|request: Request<()>| async move {
            tracing::trace!(?request, extensions = ?request.extensions(), "passed");
            let principal = request.extensions().get::<kleidia_tower::Principal>();
            tracing::trace!(?principal, "known");
            Ok::<_, Infallible>(Response::new(()))
        });
        let layer = JwtSessionLayer::new(self.accounts.authenticator());
        self.evidence.note(&layer);
        let authorization = format!("Bearer {token}");
        let request = Request::builder().header(AUTHORIZATION, authorization).body(()).unwrap();
        let response = layer.layer(inner).oneshot(request).await.unwrap();
        self.evidence.note(&response.headers());
        if let Some(rejection) = response.extensions().get::<Rejection>() {
            self.evidence.note_error(rejection.code(), Err::<(), _>(rejection.clone()));
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
async fn no_secret_is_ever_seen() {
    let evidence = Evidence::of_the_log();
    play(evidence.clone(), Arc::new(MemoryStore::default())).await;
    #[cfg(feature = "sqlite")]
    play_in_a_file(evidence).await;
}

/// The store itself has the hashes of passwords, and no other secret.
#[cfg(feature = "sqlite")]
async fn play_in_a_file(evidence: Evidence) {
    let directory = tempfile::tempdir().unwrap();
    let store = kleidia_tower::store::SqliteStore::open(directory.path().join("store.db"));
    let store = Arc::new(store.await.unwrap());
    let secrets = play(evidence, Arc::clone(&store) as Arc<dyn Store>).await;
    for is_closed in [false, true] {
        let files = directory.path().read_dir().unwrap().map(|file| file.unwrap().path());
        let octets: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap()).collect();
        let hash = format!("{NO_HASH}, plain");
        let seen = secrets.seen_in(&octets);
        assert!(seen.contains(&hash.as_str()), "hashes are not where they belong");
        let is_more = |form: &&str| ![hash.as_str(), "hash, plain"].contains(form);
        assert_eq!(seen.into_iter().filter(is_more).collect::<Vec<_>>(), [""; 0]);
        if !is_closed {
            store.close().await;
        }
    }
}

async fn play(evidence: Evidence, store: Arc<dyn Store>) -> Secrets {
    let mut scene = Scene::new(evidence, store);
    create(&mut scene).await;
    let alice = log_in(&mut scene).await;
    let alice = refresh(&mut scene, alice).await;
    change_password(&mut scene, alice).await;
    lock(&scene).await;
    look_around(&scene).await;

    scene.sinks.close();
    let text = scene.evidence.text();
    // It is there, and all of it.
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
    assert_eq!(scene.secrets.seen_in(&text), [""; 0]);
    scene.secrets
}

async fn create(scene: &mut Scene) {
    let create = async |name: &str, password: &str| {
        scene
            .accounts
            .create_user(None, name, password.into(), [].into(), ClientInfo::default())
            .await
    };
    let rejected = create("alice", WITH_NAME).await;
    scene.evidence.note_error("password_rejected", rejected);
    let alice = create("alice", PASSWORD).await.unwrap();
    scene.evidence.note_error("name_taken", create("alice", PASSWORD).await);
    scene.evidence.note_error("malformed_request", create("\u{200b}", PASSWORD).await);

    let store = scene.accounts.store();
    let found = store.account_with_password(AccountLookup::Id(alice.id)).await.unwrap();
    let (_, stored) = found.unwrap();
    scene.evidence.note(&stored);
    let (_, hash) = stored.current.as_str().rsplit_once('$').unwrap();
    scene.secrets.add("hash", hash.as_bytes());

    let password = PasswordHash::new(NO_HASH.to_owned());
    let broken = NewAccount { name: "broken".parse().unwrap(), roles: [].into(), password };
    scene.evidence.note(&broken);
    let at = Timestamp::from_second(scene.clock.load(Ordering::Relaxed)).unwrap();
    let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
    let created = store.create_account(broken, &change).await.unwrap();
    scene.evidence.note(&created);
    scene.evidence.note_error("unavailable", scene.log_in("broken", PASSWORD).await);
}

async fn log_in(scene: &mut Scene) -> TokenSet {
    let alice = scene.log_in("alice", PASSWORD).await.unwrap();
    scene.learn(&alice);
    for (name, password) in
        [("alice", WRONG), ("nobody", WRONG), (AS_NAME, "x"), (&format!("{AS_NAME}\u{200b}"), "x")]
    {
        scene.evidence.note_error("invalid_credentials", scene.log_in(name, password).await);
    }
    let access = alice.access_token.expose_secret();
    assert_eq!(scene.send(access).await, 200);
    assert_eq!(scene.send(alice.refresh_token.expose_secret()).await, 401);
    let tampered = access.replacen('.', ".e", 1);
    assert_eq!(scene.send(&tampered).await, 401);
    scene.pass(1800);
    assert_eq!(scene.send(access).await, 401);
    alice
}

async fn refresh(scene: &mut Scene, alice: TokenSet) -> TokenSet {
    let refresh =
        async |token: &SecretString| scene.accounts.refresh(token, ClientInfo::default()).await;
    let renewed = refresh(&alice.refresh_token).await.unwrap();
    let again = refresh(&alice.refresh_token).await.unwrap();
    scene.pass(10);
    scene.evidence.note_error("refresh_reused", refresh(&alice.refresh_token).await);
    scene.evidence.note_error("refresh_invalid", refresh(&renewed.refresh_token).await);
    scene.evidence.note_error("refresh_invalid", refresh(&alice.access_token).await);
    for tokens in [renewed, again] {
        scene.learn(&tokens);
    }
    let alice = scene.log_in("alice", PASSWORD).await.unwrap();
    scene.learn(&alice);
    alice
}

async fn change_password(scene: &mut Scene, alice: TokenSet) {
    for (from, to, expected) in [
        (WRONG, NEW, "invalid_credentials"),
        (PASSWORD, WITH_NAME, "password_rejected"),
        (PASSWORD, PASSWORD, "password_rejected"),
    ] {
        scene.evidence.note_error(expected, scene.change_password(&alice, from, to).await);
    }
    scene.change_password(&alice, PASSWORD, NEW).await.unwrap();
    let token = alice.session_token.unwrap();
    let authenticator = scene.accounts.authenticator();
    let known = authenticator.authenticate_session_token(token.expose_secret()).await.unwrap();
    scene.evidence.note(&known);
    scene.accounts.log_out(&known, ClientInfo::default()).await.unwrap();
    let gone = authenticator.authenticate_session_token(token.expose_secret()).await;
    scene.evidence.note_error("session_expired", gone);
}

async fn lock(scene: &Scene) {
    for _ in 0..7 {
        scene.evidence.note_error("invalid_credentials", scene.log_in("alice", WRONG).await);
    }
    scene.evidence.note_error("invalid_credentials", scene.log_in("alice", NEW).await);
}

async fn look_around(scene: &Scene) {
    let accounts = &scene.accounts;
    let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
    scene.evidence.note(accounts);
    scene.evidence.note(&accounts.authenticator());
    scene.evidence.note(&accounts.audit(&query).await.unwrap());
    scene.evidence.note(&accounts.users(None, 10).await.unwrap());
    for user in [1, 2].map(UserId::new) {
        scene.evidence.note(&accounts.sessions(user).await.unwrap());
    }
}
