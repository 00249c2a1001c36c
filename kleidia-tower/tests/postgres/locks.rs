//! Concurrent operations of two nodes: each pair has the outcome of one after the other.
//!
//! Each test fails without the lock that it names. These are races, so a lock that is missing shows
//! after some rounds. Each lock of each operation also has a test without chance:
//!
//! | lock | test |
//! |---|---|
//! | the administration, the account, the failures of a name, a refresh token, the sealing of the log, and the rows that a purge or a touch skips, but sessions | `operations_need_their_locks` in `tests/interleavings/needed_locks.rs`: a table has the operation that goes wrong without each |
//! | the sessions that a purge skips | `purge_skips_locked_sessions` |
//! | the sealing of the log, in the start of a node | `key_of_a_new_log_is_registered_once` |
//! | the sealing of the log, in the task that seals | `held_lock_of_the_log_is_reported` in `tampered_log.rs` |
//! | the migration | `starting_nodes_migrate_once` in `schema.rs` |
//!
//! `tests/interleavings/needed_locks.rs` also compares the table with the statements that operations
//! send, and this list with the sources.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use kleidia_tower::account::{
    AccountChangeError, AccountStore as _, AccountUpdate, NewAccount, PasswordChange,
};
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::lockout::{AttemptRecord, FailureStore as _, LockoutPolicy, Reservation};
use kleidia_tower::rbac::{Policy, RoleChangeError, RoleName, RoleRules};
use kleidia_tower::session::{
    EndReason, OpenOutcome, RotationOutcome, SessionLookup, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::{PostgresStore, PurgeStore as _, Retention};
use test_servers::PostgresServer;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

use crate::nodes;
use crate::numbered::{
    NOW, at, audit_key, create, hash, log_in, new_account, new_session, operator, rotation,
    session_token, verified_size,
};

/// How often each race is run.
const ROUNDS: u32 = 40;

/// After the end of a session: 3600 s.
const EXPIRED: u64 = 4000;

async fn active_sessions(store: &PostgresStore, user: kleidia_tower::UserId, second: u64) -> usize {
    store.find_sessions(user, NOW + Duration::from_secs(second)).await.unwrap().len()
}

/// The account, in `rotate` and in `end`: a refresh opens a session while all are ended.
#[tokio::test(flavor = "multi_thread")]
async fn refreshed_session_does_not_survive_the_end_of_all() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let user = create(&here, &format!("user{round}")).await;
        log_in(&here, &user, round).await;
        let mut rotation = rotation(round, 1000 + round);
        rotation.expires_at = NOW + Duration::from_secs(2 * EXPIRED);
        let (refresh, logout) = (at(EXPIRED), at(EXPIRED));
        let all = SessionSelector::All { user: user.id };
        let (refreshed, ended) = join(
            here.rotate_refresh_token(&rotation, &refresh),
            there.end_sessions(all, EndReason::Revoked, &logout),
        )
        .await;
        let (refreshed, ended) = (refreshed.unwrap().value, ended.unwrap().value);
        assert_eq!(active_sessions(&here, user.id, EXPIRED).await, 0, "{refreshed:?} {ended:?}");
        let was_first = matches!(refreshed, RotationOutcome::Rotated { .. });
        assert_eq!(ended.len(), usize::from(was_first), "{refreshed:?}");
    }
}

/// The account, in `open` and in `change_password`: a login with the old password.
#[tokio::test(flavor = "multi_thread")]
async fn login_does_not_survive_the_change_of_its_password() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let user = create(&here, &format!("user{round}")).await;
        let (login, other) = (at(0), at(0));
        let change = PasswordChange {
            user: user.id,
            expected_hash: hash(0),
            new: hash(1),
            history: 5,
            kept_session: None,
        };
        let (opened, changed) = join(
            here.open_session(new_session(&user, hash(0), round), &login),
            there.change_password(change, &other),
        )
        .await;
        assert!(changed.unwrap().value);
        let opened = opened.unwrap().value;
        assert_eq!(active_sessions(&here, user.id, 0).await, 0, "{opened:?}");
    }
}

/// The account, in `update_account`: a login while the account is disabled.
#[tokio::test(flavor = "multi_thread")]
async fn login_does_not_survive_disabling() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let user = create(&here, &format!("user{round}")).await;
        let (login, other, rules) = (at(0), at(0), operator());
        let update = AccountUpdate { is_disabled: Some(true), roles: None };
        let (opened, disabled) = join(
            here.open_session(new_session(&user, hash(0), round), &login),
            there.update_account(user.id, update, &rules, &other),
        )
        .await;
        assert!(disabled.unwrap().value.is_ok());
        let opened = opened.unwrap().value;
        assert_eq!(active_sessions(&here, user.id, 0).await, 0, "{opened:?}");
    }
}

/// The account, in `open`: the limit of sessions.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_keep_to_the_limit_of_sessions() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS / 4 {
        let user = create(&here, &format!("user{round}")).await;
        let logins = (0..6).map(|number| {
            let store = if number % 2 == 0 { &here } else { &there };
            let mut new = new_session(&user, hash(0), 100 * round + number);
            new.max_sessions = 2;
            async move { store.open_session(new, &at(0)).await.unwrap().value }
        });
        let opened = join_all(logins).await;
        assert!(opened.iter().all(|outcome| matches!(outcome, OpenOutcome::Opened { .. })));
        assert_eq!(active_sessions(&here, user.id, 0).await, 2);
    }
}

/// The account, in `rotate`: of concurrent uses of a token, one is the first.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_nodes_rotate_a_token_once() {
    let [here, there] = nodes().await;
    let alice = create(&here, "alice").await;
    for round in 0..ROUNDS / 4 {
        let first = 100 * (round + 1);
        log_in(&here, &alice, first).await;
        let attempts = (1..=8).map(|other| {
            let store = if other % 2 == 0 { &here } else { &there };
            let mut rotation = rotation(first, first + other);
            rotation.grace = Duration::from_secs(10);
            async move { store.rotate_refresh_token(&rotation, &at(0)).await.unwrap().value }
        });
        let attempts = join_all(attempts).await;
        let rotated =
            attempts.iter().filter(|used| matches!(used, RotationOutcome::Rotated { .. }));
        let retried =
            attempts.iter().filter(|used| matches!(used, RotationOutcome::Retried { .. }));
        assert_eq!((rotated.count(), retried.count()), (1, 7), "{attempts:?}");
    }
}

/// The account, in `register_agent`: an agent of a session that ends.
#[tokio::test(flavor = "multi_thread")]
async fn ended_session_has_no_agent() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let user = create(&here, &format!("user{round}")).await;
        let session = log_in(&here, &user, round).await.session;
        let (agent, logout) = (at(0), at(0));
        let one = SessionSelector::One { user: user.id, session: session.id };
        let (bound, ended) = join(
            here.register_agent(session.id, user.id, "key".to_owned(), &agent),
            there.end_sessions(one, EndReason::Logout, &logout),
        )
        .await;
        drop((bound.unwrap(), ended.unwrap()));
        let view = here.session(SessionLookup::Id(session.id)).await.unwrap().unwrap();
        assert!(!view.session.is_active(NOW));
        assert_eq!(view.session.agent_key, None);
    }
}

/// No lock, in `touch`: it never waits for an operation, and does not revive a session.
#[tokio::test(flavor = "multi_thread")]
async fn ended_session_stays_ended_when_touched() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let user = create(&here, &format!("user{round}")).await;
        let session = log_in(&here, &user, round).await.session;
        let (seen, logout) = ([(session.id, NOW + Duration::from_secs(9))], at(1));
        let all = SessionSelector::All { user: user.id };
        let (touched, ended) =
            join(here.touch(&seen), there.end_sessions(all, EndReason::Logout, &logout)).await;
        touched.unwrap();
        assert_eq!(ended.unwrap().value, [session.id]);
        let view = here.session(SessionLookup::Token(session_token(round))).await.unwrap();
        assert!(!view.unwrap().session.is_active(NOW));
    }
}

/// The failures, in `reserve`: no concurrent attempts beyond the threshold.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_attempts_keep_to_the_threshold() {
    let [here, there] = nodes().await;
    let policy = LockoutPolicy::default();
    for round in 0..ROUNDS / 4 {
        let user = create(&here, &format!("user{round}")).await;
        let attempt = new_session(&user, hash(0), round).attempt;
        let attempts = (0..12).map(|number| {
            let store = if number % 2 == 0 { &here } else { &there };
            store.reserve_attempt(&attempt, &policy, NOW)
        });
        let reserved = join_all(attempts).await.into_iter().map(Result::unwrap);
        let granted = reserved.filter(|reserved| *reserved == Reservation::Granted).count();
        assert_eq!(granted, usize::try_from(policy.threshold()).unwrap());
        let failures = (0..granted).map(|number| {
            let store = if number % 2 == 0 { &here } else { &there };
            let (attempt, policy) = (&attempt, &policy);
            async move {
                drop(
                    store
                        .record_failure(attempt, policy, &at(0), AttemptRecord::Recorded)
                        .await
                        .unwrap(),
                );
            }
        });
        join_all(failures).await;
        let next = here.reserve_attempt(&attempt, &policy, NOW).await.unwrap();
        assert!(matches!(next, Reservation::Locked { .. }), "{next:?}");
    }
}

/// The administration, in `update_account`: two administrators disable each other.
#[tokio::test(flavor = "multi_thread")]
async fn one_administrator_stays_enabled() {
    let [here, there] = nodes().await;
    let admin =
        |name: &str| NewAccount { roles: BTreeSet::from([RoleName::admin()]), ..new_account(name) };
    let mut admins = Vec::new();
    for name in ["alice", "bob"] {
        let created = here.create_account(admin(name), &operator(), &at(0)).await.unwrap();
        admins.push(created.value.unwrap());
    }
    for _ in 0..ROUNDS {
        let disable = |store: &'static str, by: usize, whom: usize| {
            let rules = RoleRules::for_user(Policy::default(), admins[by].id);
            let node = if store == "here" { &here } else { &there };
            let id = admins[whom].id;
            async move {
                let update = AccountUpdate { is_disabled: Some(true), roles: None };
                node.update_account(id, update, &rules, &at(0)).await.unwrap().value
            }
        };
        let outcomes = join(disable("here", 0, 1), disable("there", 1, 0)).await;
        let failed: Vec<_> = [outcomes.0, outcomes.1].into_iter().filter_map(Result::err).collect();
        let expected = AccountChangeError::Roles(RoleChangeError::LastAdmin);
        assert_eq!(failed, [expected]);
        for admin in &admins {
            let update = AccountUpdate { is_disabled: Some(false), roles: None };
            drop(here.update_account(admin.id, update, &operator(), &at(0)).await.unwrap());
        }
    }
}

/// The unique index of names, in `create_account`.
#[tokio::test(flavor = "multi_thread")]
async fn name_is_taken_once() {
    let [here, there] = nodes().await;
    for round in 0..ROUNDS {
        let name = format!("user{round}");
        let (rules, change) = (operator(), at(0));
        let (one, other) = join(
            here.create_account(new_account(&name), &rules, &change),
            there.create_account(new_account(&name), &rules, &change),
        )
        .await;
        let created = [one.unwrap().value, other.unwrap().value];
        let failed: Vec<_> = created.into_iter().filter_map(Result::err).collect();
        assert_eq!(failed, [AccountChangeError::UserNameTaken]);
    }
}

/// The sessions, in `purge`: it does not wait for a touch, which locks those of one flush.
#[tokio::test(flavor = "multi_thread")]
async fn purge_skips_locked_sessions() {
    let url = PostgresServer::shared().create_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    let touched = log_in(&store, &alice, 1).await.session.id.get();
    log_in(&store, &alice, 2).await;
    let (holder, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    holder.batch_execute("BEGIN").await.unwrap();
    let touch = "UPDATE sessions SET last_seen_at = last_seen_at + 1 WHERE id = $1";
    holder.execute(touch, &[&touched]).await.unwrap();
    for (end, left) in [("", vec![touched]), ("COMMIT", vec![])] {
        holder.batch_execute(end).await.unwrap();
        let late = NOW + Duration::from_secs(30 * 24 * 3600);
        store.purge(late, &Retention::default(), 10).await.unwrap();
        let sessions = holder.query("SELECT id FROM sessions", &[]).await.unwrap();
        assert_eq!(sessions.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), left);
    }
}

/// No lock, in every operation: the audit log. The lock of sealing, in `seal`.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_nodes_append_to_one_audit_log() {
    let [here, there] = nodes().await;
    let creating = (0..40).map(|number| {
        let store = if number % 2 == 0 { &here } else { &there };
        async move {
            create(store, &format!("user{number}")).await;
            store.seal().await.unwrap();
        }
    });
    join_all(creating).await;
    assert_eq!(verified_size(&here).await, 40);
}

/// The lock of sealing, in `check_key`: of two nodes that start with an empty log, one registers the
/// key.
#[tokio::test(flavor = "multi_thread")]
async fn key_of_a_new_log_is_registered_once() {
    let url = PostgresServer::shared().create_database();
    let (holder, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let sealing = i64::from_be_bytes(*b"\0klaudit");
    holder.execute("SELECT pg_advisory_lock($1)", &[&sealing]).await.unwrap();
    let opening = [(); 2].map(|()| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::open(&url, audit_key()).await })
    });
    // Both have found no key.
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
        WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
    let both_wait = async {
        while holder.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), both_wait).await.expect("both nodes wait for the lock");
    holder.execute("SELECT pg_advisory_unlock($1)", &[&sealing]).await.unwrap();
    for node in opening {
        node.await.unwrap().unwrap();
    }
    let keys = holder.query_one("SELECT count(*) FROM audit_keys", &[]).await.unwrap();
    assert_eq!(keys.get::<_, i64>(0), 1);
}
