//! A flood of rejections cannot fill the disk: past a limit they are counted, and none gets lost.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_guard::PeerAddress;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountSettings, Accounts};
use kleidia_tower::api::Api;
use kleidia_tower::audit::{AuditKey, AuditQuery, AuditRecord, EventKind};
use kleidia_tower::lockout::LockoutPolicy;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::SqliteStore;
use kleidia_tower::{ClientInfo, Timestamp, clock_fn};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const PASSWORD: &str = "correct horse battery staple";
/// The default limit of one source.
const LIMIT: u64 = 60;
const FLOOD: u64 = 1000;
const FLOODER: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.2";

/// The API over a database in a temporary directory, with a clock that a test sets.
struct Fixture {
    accounts: Accounts,
    router: Router,
    clock: Arc<AtomicI64>,
    _directory: TempDir,
}

impl Fixture {
    /// Creates a service with the user `alice`.
    async fn new() -> Self {
        Self::with_lockout(LockoutPolicy::default()).await
    }

    async fn with_lockout(lockout: LockoutPolicy) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (path, key) =
            (directory.path().join("accounts.db"), AuditKey::generate("tests").unwrap());
        let store = SqliteStore::open(path, key).await.unwrap();
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        // The first second of a minute.
        let clock = Arc::new(AtomicI64::new(1_795_370_580));
        let seconds = Arc::clone(&clock);
        let now = move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).ok();
        let accounts = Accounts::new(Arc::new(store), Arc::new(keys), options.start().unwrap())
            .with_clock(clock_fn(now))
            .with_settings(AccountSettings::default().with_lockout(lockout));
        let client = ClientInfo::new(OTHER.parse().unwrap());
        let roles = [RoleName::user()].into();
        accounts.create_user(None, "alice", PASSWORD.into(), roles, client).await.unwrap();
        let router = Api::new(accounts.clone()).into_router();
        Self { accounts, router, clock, _directory: directory }
    }

    async fn send(
        &self,
        from: &str,
        request: http::request::Builder,
        body: &Value,
    ) -> (u16, Value) {
        let request = request.header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(PeerAddress(format!("{from}:7").parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn log_in(&self, from: &str, name: &str, password: &str) -> (u16, Value) {
        let body = json!({"username": name, "password": password});
        self.send(from, Request::post("/auth/login"), &body).await
    }

    /// Sends a request that is always denied.
    async fn send_denied_request(&self, from: &str, bearer: &str) {
        let request = Request::delete("/admin/users/1").header(AUTHORIZATION, bearer);
        assert_eq!(self.send(from, request, &Value::Null).await.0, 403);
    }

    async fn log_in_as_unknown(&self, from: &str, name: &str) {
        assert_eq!(self.log_in(from, name, PASSWORD).await.0, 401);
    }

    /// Returns the records of a kind from an address.
    async fn records(&self, kind: EventKind, from: &str) -> Vec<AuditRecord> {
        self.accounts.flush().await;
        let query = AuditQuery { kind: Some(kind), limit: usize::MAX, ..AuditQuery::default() };
        let mut records = self.accounts.audit(&query).await.unwrap();
        records.retain(|record| record.client.address == from.parse().ok());
        records
    }
}

/// Returns how many rejections a record stands for; `None` if for itself.
fn counted(record: &AuditRecord) -> Option<u64> {
    let reason = record.reason.as_ref()?;
    let count = reason.strip_prefix("and ")?.strip_suffix(" more within a minute")?;
    Some(count.parse().unwrap())
}

#[tokio::test]
async fn flood_from_one_source_is_counted_and_others_are_recorded() {
    let started_at = Instant::now();
    let fixture = Fixture::new().await;
    let (status, tokens) = fixture.log_in(OTHER, "alice", PASSWORD).await;
    assert_eq!(status, 200);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    for number in 0..FLOOD {
        // Some are invalid names.
        let name = if number % 10 == 0 { String::new() } else { format!("nobody-{number}") };
        fixture.log_in_as_unknown(FLOODER, &name).await;
        fixture.send_denied_request(FLOODER, &bearer).await;
        if number % 100 == 0 {
            fixture.log_in_as_unknown(OTHER, &format!("other-{number}")).await;
            fixture.send_denied_request(OTHER, &bearer).await;
        }
    }
    // Evidence of guesses at an account is always recorded, and so is its lock.
    for _ in 0..5 {
        assert_eq!(fixture.log_in(FLOODER, "alice", "wrong").await.0, 401);
    }
    for (kind, reason) in
        [(EventKind::LoginFailure, Some("unknown-user")), (EventKind::PermissionDenied, None)]
    {
        let mut records = fixture.records(kind, FLOODER).await;
        records.retain(|record| record.reason.as_deref() != Some("wrong-password"));
        let (summaries, alone): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| counted(record).is_some());
        assert!(!summaries.is_empty(), "{kind}");
        assert!(summaries.iter().all(|record| record.user.is_none()), "{summaries:?}");
        for record in &alone {
            assert!(reason.is_none_or(|reason| record.reason.as_deref() == Some(reason)));
        }
        let alone = u64::try_from(alone.len()).unwrap();
        let sum: u64 = summaries.iter().filter_map(counted).sum();
        assert_eq!(alone + sum, FLOOD, "{kind}");
        // On a busy machine, the flood takes more than a minute. Those of an account and of other clients
        // count separately.
        let minutes = 1 + started_at.elapsed().as_secs() / 60;
        assert!((LIMIT..=minutes * LIMIT).contains(&alone), "{alone} in {minutes} minutes");

        let others = fixture.records(kind, OTHER).await;
        assert_eq!(others.len(), 10, "{kind}: {others:?}");
        assert!(others.iter().all(|record| counted(record).is_none()), "{others:?}");
    }
    let failures = fixture.records(EventKind::LoginFailure, FLOODER).await;
    let guesses = failures.iter().filter(|record| record.user.is_some());
    assert_eq!(guesses.count(), 5);
    let locks = fixture.records(EventKind::LoginLocked, FLOODER).await;
    assert_eq!(locks.len(), 1, "{locks:?}");
}

/// A flood of unknown names from many addresses, the address of a user among them.
#[tokio::test]
async fn clients_without_accounts_do_not_keep_denials_of_accounts_out_of_the_log() {
    let fixture = Fixture::new().await;
    let (_, tokens) = fixture.log_in(OTHER, "alice", PASSWORD).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    for number in 0..1100 {
        let flooder = format!("10.0.{}.{}", number / 250, number % 250);
        fixture.log_in_as_unknown(if number % 10 == 0 { OTHER } else { &flooder }, "nobody").await;
    }
    fixture.send_denied_request(OTHER, &bearer).await;
    let denied = fixture.records(EventKind::PermissionDenied, OTHER).await;
    assert!(matches!(&denied[..], [record] if counted(record).is_none()), "{denied:?}");
    let unknown = fixture.records(EventKind::LoginFailure, "10.0.4.99").await;
    assert!(unknown.is_empty(), "the flood has reached its total: {unknown:?}");
}

#[tokio::test]
async fn logins_during_a_lock_are_counted() {
    let fixture = Fixture::new().await;
    for _ in 0..5 {
        assert_eq!(fixture.log_in(FLOODER, "alice", "wrong").await.0, 401);
    }
    for _ in 0..2 * LIMIT {
        assert_eq!(fixture.log_in(FLOODER, "alice", PASSWORD).await.0, 401);
    }
    let locked = fixture.records(EventKind::LoginLocked, FLOODER).await;
    let sum: u64 = locked.iter().filter_map(counted).sum();
    let alone = locked.iter().filter(|record| counted(record).is_none()).count();
    assert_eq!(u64::try_from(alone).unwrap() + sum, 1 + 2 * LIMIT, "the lock, and each login");
    assert!(sum > 0, "{locked:?}");
    // The next minute records again.
    fixture.clock.fetch_add(60, Ordering::SeqCst);
    fixture.log_in_as_unknown(FLOODER, "nobody").await;
    let failures = fixture.records(EventKind::LoginFailure, FLOODER).await;
    assert_eq!(failures[0].reason.as_deref(), Some("unknown-user"));
}

/// Past some failures of all clients, an account is throttled for hours.
#[tokio::test]
async fn throttled_logins_of_an_account_are_counted_and_their_locks_are_recorded() {
    const THRESHOLD: u64 = 100;
    let started_at = Instant::now();
    let policy = LockoutPolicy::default().with_threshold(100).unwrap();
    let fixture = Fixture::with_lockout(policy.with_max_consecutive_failures(5).unwrap()).await;
    for _ in 0..5 {
        assert_eq!(fixture.log_in(OTHER, "alice", "wrong").await.0, 401);
    }
    for lock in 1..=2 {
        // The second lock starts with the first attempt after the first one.
        for _ in 0..if lock == 1 { THRESHOLD } else { 1 } {
            assert_eq!(fixture.log_in(FLOODER, "alice", PASSWORD).await.0, 401);
        }
        let locked = fixture.records(EventKind::LoginLocked, FLOODER).await;
        let is_start = |record: &&AuditRecord| record.reason.as_deref() == Some("lock-started");
        assert_eq!(locked.iter().filter(is_start).count(), lock, "{locked:?}");
        fixture.clock.fetch_add(60, Ordering::SeqCst);
    }
    let failures = fixture.records(EventKind::LoginFailure, FLOODER).await;
    assert!(failures.is_empty(), "an attempt was evaluated: {failures:?}");
    let locked = fixture.records(EventKind::LoginLocked, FLOODER).await;
    let sum: u64 = locked.iter().filter_map(counted).sum();
    let alone = locked.iter().filter(|record| record.reason.as_deref() == Some("locked")).count();
    let alone = u64::try_from(alone).unwrap();
    assert_eq!(alone + sum, THRESHOLD + 1, "{locked:?}");
    let minutes = 1 + started_at.elapsed().as_secs() / 60;
    assert!((LIMIT..=minutes * LIMIT + 1).contains(&alone), "{alone} in {minutes} minutes");
}
