//! Operations that are cancelled at random times: each is atomic, and later operations succeed.

use std::time::Duration;

use kleidia_tower::account::{AccountLookup, AccountStore as _, AccountUpdate};
use kleidia_tower::audit::{AuditQuery, AuditStore as _, EventKind};
use kleidia_tower::session::{RotationOutcome, SessionLookup, SessionStore as _};
use kleidia_tower::store::SqliteStore;
use tokio::task::yield_now;

use crate::dropped_ends::ended_sessions_are_published;
use crate::fixture::{
    NOW, TempDatabase, at, create, log_in, new_account, operator, rotation, session_token, verified,
};

/// Polls an operation, and drops it after this many polls; returns `None` if it was dropped.
async fn cancel_after<T>(operation: impl Future<Output = T>, polls: usize) -> Option<T> {
    let timeout = async {
        for _ in 0..polls {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = operation => Some(done),
        () = timeout => None,
    }
}

/// Chooses a number of polls: often 0, and rarely enough for the operation to complete.
fn random_polls() -> usize {
    fastrand::usize(0..1 << fastrand::u32(0..14))
}

async fn count(store: &SqliteStore, kind: EventKind, user: &str) -> usize {
    let user = Some(user.to_owned());
    let query = AuditQuery { kind: Some(kind), user, limit: 10, ..AuditQuery::default() };
    store.records(&query).await.unwrap().len()
}

#[tokio::test]
async fn cancelled_account_creation_is_atomic() {
    let database = TempDatabase::new();
    let store = database.open().await;
    let mut dropped = 0;
    for number in 0..300 {
        let name = format!("user{number}");
        let creating = cancel_after(
            store.create_account(new_account(&name), &operator(), &at(0)),
            random_polls(),
        )
        .await;
        dropped += usize::from(creating.is_none());
        // The next write waits for the cancelled one, so its outcome is visible afterwards.
        let after = create(&store, &format!("after{number}")).await;
        assert!(store.account(after.id).await.unwrap().is_some());
        let key = AccountLookup::Name(&name.parse().unwrap());
        let exists = store.account_with_password(key).await.unwrap().is_some();
        assert_eq!(count(&store, EventKind::UserCreated, &name).await, usize::from(exists));
        assert!(exists || creating.is_none(), "{name} was acknowledged");
    }
    assert!(dropped > 0);
    verified(&store).await;
}

#[tokio::test]
async fn cancelled_rotation_is_atomic() {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 0).await;
    let (mut current, mut dropped) = (0, 0);
    for next in 1..300 {
        let refreshing = cancel_after(
            store.rotate_refresh_token(&rotation(current, next), &at(0)),
            random_polls(),
        )
        .await;
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

#[tokio::test]
async fn cancelled_disabling_is_atomic() {
    let database = TempDatabase::new();
    let store = database.open().await;
    for number in 0..100 {
        let name = format!("user{number}");
        let user = create(&store, &name).await;
        log_in(&store, &user, number).await;
        let update = AccountUpdate { is_disabled: Some(true), roles: None };
        let disabling = cancel_after(
            store.update_account(user.id, update, &operator(), &at(0)),
            random_polls(),
        )
        .await;
        let after = store
            .rotate_refresh_token(&rotation(number, 1000 + number), &at(0))
            .await
            .unwrap()
            .value;
        let key = SessionLookup::Token(session_token(number));
        let view = store.session(key).await.unwrap().unwrap();
        let is_disabled = view.account.is_disabled;
        assert_eq!(view.session.is_active(NOW), !is_disabled);
        assert_eq!(matches!(after, RotationOutcome::AccountDisabled), is_disabled, "{after:?}");
        assert_eq!(matches!(after, RotationOutcome::Rotated { .. }), !is_disabled, "{after:?}");
        let events = count(&store, EventKind::UserDisabled, &name).await;
        assert_eq!(events, usize::from(is_disabled));
        assert!(is_disabled || disabling.is_none(), "an acknowledged write is lost");
    }
}

#[tokio::test]
async fn cancelled_waiters_do_not_block_others() {
    let database = TempDatabase::new();
    let store = database.open().await;
    for round in 0..20 {
        let waiting = (0..20).map(|number| {
            let new = new_account(&format!("user{round}-{number}"));
            let change = at(0);
            let store = &store;
            async move {
                cancel_after(store.create_account(new, &operator(), &change), random_polls()).await
            }
        });
        futures_util::future::join_all(waiting).await;
    }
    create(&store, "alice").await;
    verified(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishes_commits_of_disconnected_callers() {
    let database = TempDatabase::new();
    ended_sessions_are_published(&database.open().await).await;
}
