//! Several stores on one file, in one process and in two processes.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kleidia_tower::UserId;
use kleidia_tower::account::{AccountStore as _, AccountUpdate};
use kleidia_tower::session::{
    EndReason, RotationOutcome, SessionLookup, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::SqliteStore;

use crate::fixture::{
    NOW, TempDatabase, at, audit_key, create, log_in, new_account, operator, rotation,
    session_token, verified, verified_size,
};

const PATH: &str = "KLEIDIA_TEST_SHARED_DATABASE";

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_nodes_create_one_database() {
    for _ in 0..20 {
        let database = TempDatabase::new();
        let opening =
            (0..8).map(|_| tokio::spawn(SqliteStore::open(database.path.clone(), audit_key())));
        let stores = join_all(opening).await.into_iter().map(|store| store.unwrap().unwrap());
        let stores: Vec<_> = stores.collect();
        let created = join_all(stores.iter().map(async |store| {
            store
                .create_account(new_account("alice"), &operator(), &at(0))
                .await
                .unwrap()
                .value
                .is_ok()
        }));
        let created = created.await;
        assert_eq!(created.iter().filter(|is_created| **is_created).count(), 1);
        for store in &stores {
            assert!(store.account(UserId::new(1)).await.unwrap().is_some());
        }
    }
}

/// The last node to close removes the journal, while other nodes open it.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_open_and_close_concurrently() {
    let database = TempDatabase::new();
    database.open().await.close().await;
    let nodes = (0..6).map(|node| {
        let path = database.path.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let store = SqliteStore::open(&path, audit_key()).await.unwrap();
                let account = create(&store, &format!("user{node}-{round}")).await;
                assert!(store.account(account.id).await.unwrap().is_some());
                store.close().await;
            }
        })
    });
    join_all(nodes).await.into_iter().for_each(Result::unwrap);
    assert_eq!(verified_size(&database.open().await).await, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_nodes_rotate_a_token_once() {
    let database = TempDatabase::new();
    let stores =
        [database.open().await, database.open().await, database.open().await].map(Arc::new);
    let alice = create(&*stores[0], "alice").await;
    for round in 0..10 {
        let first = 1000 * (round + 1);
        log_in(&*stores[0], &alice, first).await;
        let attempts = (1..=9).map(|other| {
            let store = Arc::clone(&stores[other as usize % 3]);
            let mut rotation = rotation(first, first + other);
            rotation.grace = Duration::from_secs(10);
            tokio::spawn(async move {
                store.rotate_refresh_token(&rotation, &at(0)).await.unwrap().value
            })
        });
        let attempts: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
        let rotated = attempts
            .iter()
            .filter(|outcome| matches!(outcome, RotationOutcome::Rotated { .. }))
            .count();
        let retried = attempts
            .iter()
            .filter(|outcome| matches!(outcome, RotationOutcome::Retried { .. }))
            .count();
        assert_eq!((rotated, retried), (1, 8), "{attempts:?}");
    }
    verified(&*stores[1]).await;
}

#[tokio::test]
async fn session_ended_on_one_node_is_inactive_on_the_other() {
    let database = TempDatabase::new();
    let (here, there) = (database.open().await, database.open().await);
    let alice = create(&here, "alice").await;
    log_in(&here, &alice, 1).await;
    let token = SessionLookup::Token(session_token(1));
    assert!(there.session(token).await.unwrap().unwrap().session.is_active(NOW));
    drop(
        here.end_sessions(SessionSelector::All { user: alice.id }, EndReason::Logout, &at(0))
            .await
            .unwrap(),
    );
    assert!(!there.session(token).await.unwrap().unwrap().session.is_active(NOW));
    let refreshed = there.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap().value;
    assert!(matches!(refreshed, RotationOutcome::Invalid));
    let disabled = AccountUpdate { is_disabled: Some(true), roles: None };
    drop(there.update_account(alice.id, disabled, &operator(), &at(0)).await.unwrap());
    assert!(here.account(alice.id).await.unwrap().unwrap().is_disabled);
}

#[tokio::test]
async fn two_processes_share_the_file() {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    let child = Command::new(env::current_exe().unwrap())
        .args(["nodes::child_with_shared_file", "--exact", "--ignored"])
        .env(PATH, &database.path)
        .stdin(Stdio::null())
        .output();
    let child = tokio::task::spawn_blocking(|| child).await.unwrap().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let view = store.session(SessionLookup::Token(session_token(5))).await.unwrap().unwrap();
    assert_eq!(view.account, alice);
    create(&store, "bob").await;
    assert_eq!(verified_size(&store).await, 4);
}

#[tokio::test]
#[ignore = "child process of another test"]
async fn child_with_shared_file() {
    let store = SqliteStore::open(env::var_os(PATH).unwrap(), audit_key()).await.unwrap();
    let alice = store.account(UserId::new(1)).await.unwrap().unwrap();
    assert_eq!(alice.name.as_str(), "alice");
    log_in(&store, &alice, 5).await;
    store.close().await;
}
