//! What the nodes do.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::PasswordChange;
use kleidia_tower::account::{Account, AccountLookup, AccountStore as _, AccountUpdate};
use kleidia_tower::audit::{AuditQuery, AuditStore as _, EventKind, Outcome};
use kleidia_tower::lockout::{
    AttemptRecord, Evidence, FailureStore as _, LockoutPolicy, LoginAttempt, LoginSource,
};
use kleidia_tower::session::{
    EndReason, SessionLookup, SessionSelector, SessionStore as _, SessionView,
};
use kleidia_tower::store::{PostgresStore, PurgeStore as _, Retention};

use crate::numbered::{
    NOW, at, create, hash, log_in, operator, refresh_token, rotation, session_token, verified_size,
};

pub(super) async fn account(store: &PostgresStore, name: &str) -> Arc<Account> {
    let name = name.parse().unwrap();
    let found = store.account_with_password(AccountLookup::Name(&name)).await.unwrap();
    found.unwrap().0
}

async fn session(store: &PostgresStore, token: u32) -> SessionView {
    let key = SessionLookup::Token(session_token(token));
    store.session(key).await.unwrap().unwrap()
}

async fn log_out(store: &PostgresStore, token: u32, second: u64) {
    let view = session(store, token).await;
    let one = SessionSelector::One { user: view.account.id, session: view.session.id };
    let ended = store.end_sessions(one, EndReason::Logout, &at(second)).await.unwrap();
    assert_eq!(ended.value.len(), 1);
}

async fn refresh(store: &PostgresStore, presented: u32, successor: u32, second: u64) {
    drop(store.rotate_refresh_token(&rotation(presented, successor), &at(second)).await.unwrap());
}

async fn fail(store: &PostgresStore, name: &str, second: u64) {
    let attempt = LoginAttempt {
        name: name.parse().unwrap(),
        source: LoginSource::new("192.0.2.1".parse().ok()),
        evidence: Evidence::None,
    };
    let (policy, change) = (LockoutPolicy::default(), at(second));
    store.reserve_attempt(&attempt, &policy, change.at).await.unwrap();
    let recorded = AttemptRecord::Recorded;
    drop(store.record_failure(&attempt, &policy, &change, recorded).await.unwrap());
    store.reserve_attempt(&attempt, &policy, change.at).await.unwrap();
    store.release_attempt(&attempt).await.unwrap();
}

/// Reads what requests and the pages of an administrator read.
async fn read(store: &PostgresStore, token: u32) {
    let view = session(store, token).await;
    let user = view.account.id;
    assert!(store.session(SessionLookup::Id(view.session.id)).await.unwrap().is_some());
    assert!(store.account(user).await.unwrap().is_some());
    assert!(!store.accounts(None, 10).await.unwrap().is_empty());
    assert!(!store.password_parameters().await.unwrap().is_empty());
    assert!(!store.find_sessions(user, NOW).await.unwrap().is_empty());
    let second = Duration::from_secs(1);
    drop(store.check_refresh_token(&refresh_token(token), second, NOW).await.unwrap());
    let name = Some("alice".to_owned());
    for query in [
        AuditQuery::default(),
        AuditQuery { user: name, user_id: Some(user), ..AuditQuery::default() },
        AuditQuery { kind: Some(EventKind::LoginSuccess), ..AuditQuery::default() },
        AuditQuery { from: Some(NOW), until: Some(NOW + second), ..AuditQuery::default() },
    ] {
        assert!(!store.records(&query).await.unwrap().is_empty());
    }
}

/// An earlier node, on an empty database.
pub(super) async fn before(store: &PostgresStore) {
    let (alice, bob) = (create(store, "alice").await, create(store, "bob").await);
    fail(store, "alice", 1).await;
    fail(store, "unknown", 1).await;
    log_in(store, &alice, 1).await;
    log_in(store, &alice, 2).await;
    log_in(store, &bob, 3).await;
    refresh(store, 1, 11, 2).await;
    // Used again.
    log_in(store, &bob, 4).await;
    refresh(store, 4, 14, 2).await;
    refresh(store, 4, 15, 3).await;
    let view = session(store, 2).await;
    store.touch(&[(view.session.id, NOW + Duration::from_secs(4))]).await.unwrap();
    let key = "key".to_owned();
    drop(store.register_agent(view.session.id, alice.id, key, &at(4)).await.unwrap());
    log_out(store, 2, 5).await;
    let (expected_hash, user) = (hash(0), bob.id);
    let change =
        PasswordChange { user, expected_hash, new: hash(1), history: 2, kept_session: None };
    drop(store.change_password(change, &at(6)).await.unwrap());
    let update = AccountUpdate { is_disabled: Some(true), roles: None };
    drop(store.update_account(bob.id, update, &operator(), &at(7)).await.unwrap());
    let denial = at(8).event(EventKind::PermissionDenied, Outcome::Failure, None);
    store.append(vec![denial.clone(), denial]).await.unwrap();
    verified_size(store).await;
    let first = store.records(&AuditQuery::default()).await.unwrap().pop().unwrap();
    assert!(store.prove(first.sequence).await.unwrap().is_some());
    read(store, 1).await;
}

/// A node of this version, on the same rows.
pub(super) async fn between(store: &PostgresStore) {
    let alice = account(store, "alice").await;
    read(store, 1).await;
    refresh(store, 11, 12, 10).await;
    fail(store, "alice", 11).await;
    log_in(store, &alice, 20).await;
    refresh(store, 20, 21, 12).await;
    verified_size(store).await;
}

/// The earlier node, with the rows of both.
pub(super) async fn after(store: &PostgresStore) {
    let alice = account(store, "alice").await;
    read(store, 1).await;
    read(store, 20).await;
    fail(store, "alice", 20).await;
    refresh(store, 12, 13, 21).await;
    refresh(store, 21, 22, 21).await;
    log_out(store, 20, 22).await;
    log_out(store, 1, 23).await;
    log_in(store, &alice, 30).await;
    refresh(store, 30, 31, 24).await;
    drop(store.unlock(&alice.name, &at(25)).await.unwrap());
    let denial = at(26).event(EventKind::PermissionDenied, Outcome::Failure, None);
    store.append(vec![denial]).await.unwrap();
    store.purge(NOW, &Retention::default(), 10).await.unwrap();
}
