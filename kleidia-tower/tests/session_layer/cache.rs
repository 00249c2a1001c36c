//! Sessions that are remembered for a moment, and ended at once all the same.

use std::sync::Arc;

use kleidia_tower::ClientInfo;
use kleidia_tower::account::{AccountUpdate, PasswordChange, TokenSet};
use kleidia_tower::session::{EndReason, SessionSelector};
use kleidia_tower::store::ChangeContext;

use crate::stage::http::{outcome, request, send};
use crate::stage::{NOW, World, bearer};

async fn answer(world: &World, alice: &TokenSet) -> String {
    outcome(&send(world.layer(), request(&[&bearer(alice)])).await)
}

/// What ends a session, or changes what a session may.
#[derive(Clone, Copy, Debug)]
enum Event {
    Logout,
    LogoutEverywhere,
    RevokedByAdmin,
    Disabled,
    PasswordChanged,
    Reuse,
}

impl Event {
    const ALL: [Self; 6] = [
        Self::Logout,
        Self::LogoutEverywhere,
        Self::RevokedByAdmin,
        Self::Disabled,
        Self::PasswordChanged,
        Self::Reuse,
    ];

    async fn happen(self, world: &World, alice: &TokenSet) {
        let (accounts, view, here) = (&world.accounts, &alice.session, ClientInfo::default());
        let id = view.account.id;
        match self {
            Self::Logout => accounts.log_out(view, here).await.unwrap(),
            Self::LogoutEverywhere => accounts.log_out_everywhere(view, here).await.unwrap(),
            Self::RevokedByAdmin => {
                let root = world.principal("root").await;
                accounts.end_sessions_of(&root, id, here).await.unwrap();
            }
            Self::Disabled => world.disable(id).await,
            Self::PasswordChanged => {
                let store = accounts.store();
                let key = kleidia_tower::account::AccountLookup::Id(id);
                let (_, password) = store.account_with_password(key).await.unwrap().unwrap();
                let (expected_hash, new) = (password.current.clone(), password.current);
                let change =
                    PasswordChange { user: id, expected_hash, new, history: 0, kept_session: None };
                let at = ChangeContext { at: NOW, client: here, actor: None };
                assert!(store.change_password(change, &at).await.unwrap().value);
            }
            Self::Reuse => {
                accounts.refresh(&alice.refresh_token, here.clone()).await.unwrap();
                world.pass(60);
                accounts.refresh(&alice.refresh_token, here).await.unwrap_err();
            }
        }
    }

    const fn code(self) -> &'static str {
        if matches!(self, Self::Disabled) { "account_disabled" } else { "session_expired" }
    }
}

#[tokio::test]
async fn what_happens_on_this_node_is_seen_at_once() {
    for event in Event::ALL {
        let world = World::cached().await;
        let alice = world.log_in("alice").await;
        for _ in 0..3 {
            assert_eq!(answer(&world, &alice).await, "alice");
        }
        assert_eq!(world.store.lookups(), 1, "it is remembered");
        event.happen(&world, &alice).await;
        assert_eq!(answer(&world, &alice).await, event.code(), "{event:?}");
    }
}

/// A look-up that has its answer from before comes back after.
#[tokio::test]
async fn a_look_up_under_way_brings_no_session_back() {
    for event in Event::ALL {
        let world = Arc::new(World::cached().await);
        let alice = Arc::new(world.log_in("alice").await);
        let gate = world.store.hold_next();
        let (there, token) = (Arc::clone(&world), Arc::clone(&alice));
        let under_way = tokio::spawn(async move { answer(&there, &token).await });
        gate.reached.notified().await;
        event.happen(&world, &alice).await;
        gate.opened.notify_one();
        // It began before, so it may pass; nobody after it may.
        assert_eq!(under_way.await.unwrap(), "alice");
        assert_eq!(answer(&world, &alice).await, event.code(), "{event:?}");
        assert_eq!(answer(&world, &alice).await, event.code(), "{event:?}");
    }
}

/// Many look up while one ends the session: once it is ended, nobody gets in any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_gets_in_once_the_end_is_told() {
    let world = World::cached().await;
    for _ in 0..100 {
        let store = Arc::clone(world.accounts.store());
        let view = world.log_in("alice").await.session;
        let key = kleidia_tower::session::SessionLookup::Id(view.session.id);
        let lookups: Vec<_> = (0..3)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    while store.session(key).await.unwrap().unwrap().session.end.is_none() {
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let which = SessionSelector::One { user: view.account.id, session: view.session.id };
        let change = ChangeContext { at: NOW, client: ClientInfo::default(), actor: None };
        let _ = store.end_sessions(which, EndReason::Logout, &change).await.unwrap();
        for _ in 0..10 {
            assert!(store.session(key).await.unwrap().unwrap().session.end.is_some());
            tokio::task::yield_now().await;
        }
        for lookup in lookups {
            lookup.await.unwrap();
        }
    }
}

#[tokio::test]
async fn roles_and_time_are_seen_at_once_too() {
    let world = World::cached().await;
    let alice = world.log_in("alice").await;
    assert_eq!(answer(&world, &alice).await, "alice");
    let roles = Some(["auditor".parse().unwrap()].into());
    world.update(alice.session.account.id, AccountUpdate { is_disabled: None, roles }).await;
    let key = kleidia_tower::session::SessionLookup::Id(alice.session.session.id);
    let seen = world.accounts.store().session(key).await.unwrap().unwrap();
    assert_eq!(seen.account.roles, ["auditor".parse().unwrap()].into());
    world.pass(1800);
    assert_eq!(answer(&world, &alice).await, "token_expired");
    let refreshed =
        world.accounts.refresh(&alice.refresh_token, ClientInfo::default()).await.unwrap();
    assert_eq!(answer(&world, &refreshed).await, "alice");
}

/// It grants nothing that can't be looked up, and an error may have changed anything.
#[tokio::test]
async fn a_broken_store_is_not_papered_over_for_strangers() {
    let world = World::cached().await;
    let (known, unknown) = (world.log_in("alice").await, world.log_in("root").await);
    assert_eq!(answer(&world, &known).await, "alice");
    world.store.set_broken(true);
    assert_eq!(answer(&world, &unknown).await, "unavailable");
    assert_eq!(answer(&world, &known).await, "alice");
    world.accounts.log_out(&known.session, ClientInfo::default()).await.unwrap_err();
    assert_eq!(answer(&world, &known).await, "unavailable");
}
