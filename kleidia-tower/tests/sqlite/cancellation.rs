//! Callers that hang up at any moment: what they asked for is done as a whole or not at all, and
//! those who come after them find the store as usable as before.

use std::time::Duration;

use kleidia_tower::account::{AccountLookup, AccountStore as _, AccountUpdate};
use kleidia_tower::audit::{AuditQuery, AuditStore as _, ChainCheck, ChainHead, EventKind};
use kleidia_tower::session::{RotationOutcome, SessionLookup, SessionStore as _};
use kleidia_tower::store::SqliteStore;
use tokio::task::yield_now;

use crate::people::{NOW, Place, at, create, log_in, new_account, rotation, session_token};

/// Polls a future for a while; `None` if it was dropped before it was done.
async fn hang_up<T>(operation: impl Future<Output = T>, patience: usize) -> Option<T> {
    let impatience = async {
        for _ in 0..patience {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = operation => Some(done),
        () = impatience => None,
    }
}

/// How long to wait: often not at all, seldom for all of it.
fn patience() -> usize {
    fastrand::usize(0..1 << fastrand::u32(0..14))
}

async fn count(store: &SqliteStore, kind: EventKind, user: &str) -> usize {
    let user = Some(user.to_owned());
    let query = AuditQuery { kind: Some(kind), user, limit: 10, ..AuditQuery::default() };
    store.records(&query).await.unwrap().len()
}

#[tokio::test]
async fn an_account_is_created_with_its_event_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    let mut dropped = 0;
    for number in 0..300 {
        let name = format!("user{number}");
        let creating = hang_up(store.create_account(new_account(&name), &at(0)), patience()).await;
        dropped += usize::from(creating.is_none());
        // Of the next one, which waits for its turn, everything is known.
        let after = create(&store, &format!("after{number}")).await;
        assert!(store.account(after.id).await.unwrap().is_some());
        let key = AccountLookup::Name(&name.parse().unwrap());
        let is_there = store.account_with_password(key).await.unwrap().is_some();
        assert_eq!(count(&store, EventKind::UserCreated, &name).await, usize::from(is_there));
        assert!(is_there || creating.is_none(), "{name} was acknowledged");
    }
    assert!(dropped > 0);
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    assert!(matches!(check, ChainCheck::Intact(_)), "{check:?}");
}

#[tokio::test]
async fn a_token_is_spent_with_its_successor_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 0).await;
    let (mut current, mut dropped) = (0, 0);
    for next in 1..300 {
        let refreshing =
            hang_up(store.rotate_refresh_token(&rotation(current, next), &at(0)), patience()).await;
        dropped += usize::from(refreshing.is_none());
        let mut retry = rotation(current, 1000 + next);
        retry.grace = Duration::from_secs(10);
        current = match store.rotate_refresh_token(&retry, &at(0)).await.unwrap().value {
            RotationOutcome::Retried { successor, .. } => {
                assert_eq!(successor, rotation(next, 0).presented);
                next
            }
            RotationOutcome::Rotated { .. } => {
                assert!(refreshing.is_none(), "what was acknowledged is lost");
                1000 + next
            }
            other => panic!("{other:?}"),
        };
    }
    assert!(dropped > 0);
}

#[tokio::test]
async fn who_is_disabled_is_out_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    for number in 0..100 {
        let name = format!("user{number}");
        let user = create(&store, &name).await;
        log_in(&store, &user, number).await;
        let update = AccountUpdate { is_disabled: Some(true), roles: None };
        let disabling = hang_up(store.update_account(user.id, update, &at(0)), patience()).await;
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
        assert!(is_disabled || disabling.is_none(), "what was acknowledged is lost");
    }
}

#[tokio::test]
async fn who_waits_for_others_and_hangs_up_is_not_waited_for() {
    let place = Place::new();
    let store = place.open().await;
    for round in 0..20 {
        let waiting = (0..20).map(|number| {
            let new = new_account(&format!("user{round}-{number}"));
            let change = at(0);
            let store = &store;
            async move { hang_up(store.create_account(new, &change), patience()).await }
        });
        futures_util::future::join_all(waiting).await;
    }
    create(&store, "alice").await;
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    assert!(matches!(check, ChainCheck::Intact(_)), "{check:?}");
}
