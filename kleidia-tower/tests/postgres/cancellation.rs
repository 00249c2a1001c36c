//! Operations that are cancelled at random times: each is atomic, and later operations succeed.

use std::time::Duration;

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::{AuditQuery, AuditStore as _, EventKind};
use kleidia_tower::session::{RotationOutcome, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;

use crate::numbered::{at, audit_key, create, log_in, new_account, operator, rotation, verified};

/// Polls an operation, and drops it after this time; returns `None` if it was dropped.
async fn cancel_after<T>(operation: impl Future<Output = T>, time: Duration) -> Option<T> {
    tokio::time::timeout(time, operation).await.ok()
}

/// Chooses a time: often less than an operation takes.
fn random_time() -> Duration {
    Duration::from_micros(fastrand::u64(0..1 << fastrand::u32(0..14)))
}

/// With one connection, the next operation waits until the cancelled one is rolled back.
async fn store() -> PostgresStore {
    let options = PostgresOptions::default().with_max_connections(1).unwrap();
    let url = PostgresServer::shared().create_database();
    PostgresStore::open_with(&url, audit_key(), options).await.unwrap()
}

#[tokio::test]
async fn cancelled_account_creation_is_atomic() {
    let store = store().await;
    let mut dropped = 0;
    for number in 0..200 {
        let name = format!("user{number}");
        let (rules, change) = (operator(), at(0));
        let creating = store.create_account(new_account(&name), &rules, &change);
        let creating = cancel_after(creating, random_time()).await;
        dropped += usize::from(creating.is_none());
        create(&store, &format!("after{number}")).await;
        let key = AccountLookup::Name(&name.parse().unwrap());
        let exists = store.account_with_password(key).await.unwrap().is_some();
        let query = AuditQuery {
            kind: Some(EventKind::UserCreated),
            user: Some(name.clone()),
            ..AuditQuery::default()
        };
        assert_eq!(store.records(&query).await.unwrap().len(), usize::from(exists));
        assert!(exists || creating.is_none(), "{name} was acknowledged");
    }
    assert!(dropped > 0);
    verified(&store).await;
}

#[tokio::test]
async fn cancelled_rotation_is_atomic() {
    let store = store().await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 0).await;
    let (mut current, mut dropped) = (0, 0);
    for next in 1..200 {
        let (first, change) = (rotation(current, next), at(0));
        let refreshing = store.rotate_refresh_token(&first, &change);
        let refreshing = cancel_after(refreshing, random_time()).await;
        dropped += usize::from(refreshing.is_none());
        let mut retry = rotation(current, 1000 + next);
        retry.grace = Duration::from_secs(10);
        current = match store.rotate_refresh_token(&retry, &at(0)).await.unwrap().value {
            RotationOutcome::Retried { successor, .. } => {
                assert_eq!(successor, rotation(next, 0).presented);
                next
            }
            RotationOutcome::Rotated { .. } => {
                assert!(refreshing.is_none(), "an acknowledged write is lost");
                1000 + next
            }
            other => panic!("{other:?}"),
        };
    }
    assert!(dropped > 0);
}
