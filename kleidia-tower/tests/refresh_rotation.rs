//! A hundred tasks refresh one token concurrently, in several rounds. Each store returns a single
//! successor, and reuse after the grace period revokes the family.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountError, AccountSettings, Accounts, LoginRequest, TokenSet};
use kleidia_tower::audit::{AuditQuery, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::{MemoryStore, Store};
use kleidia_tower::{ClientInfo, Rejection, Timestamp, clock_fn};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const NOW: i64 = 1_795_370_580;
const PASSWORD: &str = "correct horse battery staple";
const TASKS: usize = 100;
const ROUNDS: i64 = 10;
/// The grace period in seconds.
const GRACE: i64 = 10;

struct Service {
    accounts: Accounts,
    clock: Arc<AtomicI64>,
}

impl Service {
    fn new(store: Arc<dyn Store>) -> Self {
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let hasher = options.with_permits(1).unwrap().with_queue_limit(1).unwrap().start();
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        let clock = Arc::new(AtomicI64::new(NOW));
        let seconds = Arc::clone(&clock);
        let many = "1000000/1".parse().unwrap();
        let accounts = Accounts::new(store, Arc::new(keys), hasher.unwrap())
            .with_settings(AccountSettings::default().with_refresh_limit(many))
            .with_clock(clock_fn(move || {
                Timestamp::from_second(seconds.load(Ordering::Relaxed)).ok()
            }));
        Self { accounts, clock }
    }

    async fn log_in(&self) -> TokenSet {
        let client = ClientInfo::new("192.0.2.1".parse().unwrap());
        let roles = [RoleName::user()].into();
        let created =
            self.accounts.create_user(None, "alice", PASSWORD.into(), roles, client.clone());
        created.await.unwrap();
        let (user_name, password) = ("alice".to_owned(), PASSWORD.into());
        self.accounts
            .log_in(LoginRequest { user_name, password, client, device_token: None })
            .await
            .unwrap()
    }

    /// Presents the same token concurrently, and returns all results.
    async fn refresh_concurrently(
        &self,
        token: &SecretString,
    ) -> Vec<Result<TokenSet, AccountError>> {
        let (start, mut running) = (Arc::new(Barrier::new(TASKS)), JoinSet::new());
        for _ in 0..TASKS {
            let (accounts, start) = (self.accounts.clone(), Arc::clone(&start));
            let token = token.clone();
            running.spawn(async move {
                start.wait().await;
                accounts.refresh(&token, ClientInfo::default()).await
            });
        }
        running.join_all().await
    }

    async fn count(&self, kind: EventKind, reason: Option<&str>) -> usize {
        let query = AuditQuery { kind: Some(kind), limit: usize::MAX, ..AuditQuery::default() };
        let records = self.accounts.audit(&query).await.unwrap();
        records.iter().filter(|record| record.reason.as_deref() == reason).count()
    }
}

async fn rotate_concurrently(store: Arc<dyn Store>) {
    let service = Service::new(Arc::clone(&store));
    let opened = service.log_in().await;
    let (mut token, session) = (opened.refresh_token, opened.session.session.id);
    let mut consumed = Vec::new();
    for round in 1..=ROUNDS {
        service.clock.fetch_add(1, Ordering::Relaxed);
        let results = service.refresh_concurrently(&token).await;
        let tokens: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        let successors: BTreeSet<_> =
            tokens.iter().map(|tokens| tokens.refresh_token.expose_secret()).collect();
        assert_eq!(successors.len(), 1, "round {round}: successors");
        assert!(tokens.iter().all(|set| set.session.session.id == session), "round {round}");
        let authenticator = service.accounts.authenticator();
        for tokens in &tokens {
            let view = authenticator.authenticate(tokens.access_token.expose_secret()).await;
            assert_eq!(view.unwrap().session.id, session, "every access token is valid");
        }
        let successor = tokens.into_iter().next().unwrap().refresh_token;
        consumed.push(std::mem::replace(&mut token, successor));
    }
    let rounds = usize::try_from(ROUNDS).unwrap();
    assert_eq!(service.count(EventKind::TokenRefresh, None).await, rounds, "the first use");
    let retries = service.count(EventKind::TokenRefresh, Some("retry")).await;
    assert_eq!(retries, rounds * (TASKS - 1));

    let last = consumed.last().unwrap().clone();
    let access_token = service.accounts.refresh(&token, ClientInfo::default()).await.unwrap();
    service.clock.fetch_add(GRACE, Ordering::Relaxed);
    let codes = service.refresh_concurrently(&last).await;
    let codes: Vec<_> =
        codes.into_iter().map(|result| Rejection::from(result.unwrap_err()).code()).collect();
    let reused = codes.iter().filter(|code| **code == "refresh_reused").count();
    let invalid = codes.iter().filter(|code| **code == "refresh_invalid").count();
    assert_eq!((reused, invalid), (1, TASKS - 1), "the first reuse revokes the family");
    let known = service.accounts.authenticator();
    let known = known.authenticate(access_token.access_token.expose_secret()).await;
    assert_eq!(known.unwrap_err().code(), "session_expired");
    for token in [&token, &access_token.refresh_token] {
        let refreshed = service.accounts.refresh(token, ClientInfo::default()).await;
        assert_eq!(Rejection::from(refreshed.unwrap_err()).code(), "refresh_invalid");
    }
    assert_eq!(service.count(EventKind::TokenReuse, None).await, 1);
    assert_eq!(service.count(EventKind::SessionEnded, Some("reuse")).await, 1);
    store.seal().await.unwrap();
    let verification = store.verify(None).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_store_returns_one_successor() {
    rotate_concurrently(Arc::new(MemoryStore::default())).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_store_returns_one_successor() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        kleidia_tower::store::SqliteStore::open(directory.path().join("store.db"), audit_key());
    let store = Arc::new(store.await.unwrap());
    rotate_concurrently(Arc::clone(&store) as Arc<dyn Store>).await;
    store.close().await;
}

#[cfg(feature = "sqlite")]
fn audit_key() -> kleidia_tower::audit::AuditKey {
    kleidia_tower::audit::AuditKey::generate("tests").unwrap()
}
