//! What waits for the writer while another process writes, and what does not.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountError, Accounts, LoginRequest};
use kleidia_tower::audit::{AuditQuery, AuditRecord, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::{
    RefreshCheck, Rotation, RotationOutcome, SessionLookup, SessionStore as _,
};
use kleidia_tower::store::{SqliteOptions, SqliteStore, StoreError};
use kleidia_tower::{ClientInfo, Rejection, SessionId};
use sqlx::Connection as _;
use tokio::task::JoinSet;

use crate::fixture::{NOW, TempDatabase, at, audit_key, create, log_in, rotation};

const QUEUE_LIMIT: u32 = 3;

async fn open(database: &TempDatabase) -> Arc<SqliteStore> {
    let options = SqliteOptions::default().with_busy_timeout(Duration::from_secs(600)).unwrap();
    let options = options.with_queue_limit(QUEUE_LIMIT).unwrap();
    Arc::new(SqliteStore::open_with(&database.path, audit_key(), options).await.unwrap())
}

/// Each read holds a connection for a moment, so all but the first ones wait.
#[tokio::test]
async fn reads_that_wait_for_a_connection_are_bounded() {
    let database = TempDatabase::new();
    let options = SqliteOptions::default().with_readers(2).unwrap();
    let options = options.with_queue_limit(QUEUE_LIMIT).unwrap();
    let store = SqliteStore::open_with(&database.path, audit_key(), options).await.unwrap();
    let reads = (0..100).map(|_| store.session(SessionLookup::Id(SessionId::new(1))));
    let outcomes = join_all(reads).await;
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Busy))).count();
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(None))).count();
    assert_eq!(busy + done, 100, "{outcomes:?}");
    // The first poll of a read may already complete it.
    assert!((5..50).contains(&done), "{done}");
    assert!(store.session(SessionLookup::Id(SessionId::new(1))).await.unwrap().is_none());
    store.close().await;
}

#[tokio::test]
async fn unknown_refresh_tokens_are_rejected_without_the_writer() {
    let database = TempDatabase::new();
    let store = open(&database).await;
    let mut other = database.connect().await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for token in 1..=20 {
        let Rotation { presented, login_ttl, .. } = rotation(token, 100 + token);
        let check = store.check_refresh_token(&presented, login_ttl, NOW).await;
        assert_eq!(check.unwrap(), RefreshCheck::Unknown);
    }
    writing.rollback().await.unwrap();
}

/// Also by the operations of accounts, which look at sessions first.
#[tokio::test]
async fn rejections_do_not_wait_for_the_writer() {
    let database = TempDatabase::new();
    let store = open(&database).await;
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let hasher = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    let accounts = Accounts::new(store.clone(), Arc::new(keys), hasher.start().unwrap());
    let client = || ClientInfo::new("192.0.2.1".parse().unwrap());
    let mut tokens = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let roles = [RoleName::user()].into();
        accounts.create_user(None, name, "a passphrase".into(), roles, client()).await.unwrap();
        let (user_name, password) = (name.to_owned(), "a passphrase".into());
        let login = LoginRequest { user_name, password, client: client(), device_token: None };
        tokens.push(accounts.log_in(login).await.unwrap());
    }
    let [alice, bob, carol] = &tokens[..] else { panic!("three logins") };
    accounts.log_out(&carol.session, client()).await.unwrap();
    let mut other = database.connect().await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for id in [bob.session.session.id, SessionId::new(99)] {
        let ended = accounts.end_session(&alice.session, id, client()).await;
        assert!(matches!(ended, Err(AccountError::SessionNotFound)), "{ended:?}");
    }
    // It has the form of a refresh token.
    let unknown = alice.session_token.as_ref().unwrap();
    let refreshed = accounts.refresh(unknown, client()).await;
    assert!(matches!(refreshed, Err(AccountError::RefreshTokenInvalid)), "{refreshed:?}");
    for _ in 0..10 {
        let revoked = accounts.refresh(&carol.refresh_token, client()).await;
        assert!(matches!(revoked, Err(AccountError::RefreshTokenInvalid)), "{revoked:?}");
    }
    writing.rollback().await.unwrap();
    accounts.flush().await;
    let query = AuditQuery { kind: Some(EventKind::TokenRefresh), limit: 100, ..<_>::default() };
    let records = accounts.audit(&query).await.unwrap();
    assert_eq!(records.len(), 10, "those of the revoked token");
    let is_carol = |record: &AuditRecord| record.session == Some(carol.session.session.id);
    assert!(records.iter().all(is_carol), "{records:?}");
    accounts.end_session(&alice.session, alice.session.session.id, client()).await.unwrap();
}

#[tokio::test]
async fn full_queue_is_busy() {
    let database = TempDatabase::new();
    let store = open(&database).await;
    let alice = create(&*store, "alice").await;
    log_in(&*store, &alice, 0).await;
    let mut other = database.connect().await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut tasks = JoinSet::new();
    for successor in 1..=10 {
        let (store, mut rotation) = (Arc::clone(&store), rotation(0, successor));
        rotation.grace = Duration::from_secs(10);
        tasks.spawn(async move { store.rotate_refresh_token(&rotation, &at(0)).await });
    }
    for _ in QUEUE_LIMIT..10 {
        let rejected = tasks.join_next().await.unwrap().unwrap();
        let Err(error @ StoreError::Busy) = rejected else { panic!("{rejected:?}") };
        let rejection = Rejection::from(error);
        assert_eq!((rejection.status().as_u16(), rejection.code()), (503, "busy"));
        assert!(rejection.retry_after().is_some());
    }
    // Background work waits, since clients could displace it otherwise.
    let seen = [(SessionId::new(1), NOW)];
    let touching = store.touch(&seen);
    let touching = tokio::time::timeout(Duration::from_millis(50), touching).await;
    assert!(touching.is_err(), "{touching:?}");
    writing.rollback().await.unwrap();
    for rotated in tasks.join_all().await {
        let rotated = rotated.unwrap().value;
        let is_valid =
            matches!(rotated, RotationOutcome::Rotated { .. } | RotationOutcome::Retried { .. });
        assert!(is_valid, "{rotated:?}");
    }
}
