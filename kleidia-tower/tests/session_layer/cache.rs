//! `SessionCachingStore`: cached sessions, and their immediate invalidation.

use std::sync::Arc;

use kleidia_tower::ClientInfo;
use kleidia_tower::account::{AccountUpdate, PasswordChange, TokenSet};
use kleidia_tower::session::{EndReason, SessionSelector};
use kleidia_tower::store::ChangeContext;

use crate::support::http::{outcome, request, send};
use crate::support::{Fixture, NOW, bearer};

async fn authenticate(fixture: &Fixture, alice: &TokenSet) -> String {
    outcome(&send(fixture.layer(), request(&[&bearer(alice)])).await)
}

/// An event that ends a session.
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

    async fn apply(self, fixture: &Fixture, alice: &TokenSet) {
        let (accounts, view, here) = (&fixture.accounts, &alice.session, ClientInfo::default());
        let id = view.account.id;
        match self {
            Self::Logout => accounts.log_out(view, here).await.unwrap(),
            Self::LogoutEverywhere => accounts.log_out_everywhere(view, here).await.unwrap(),
            Self::RevokedByAdmin => {
                let root = fixture.principal("root").await;
                accounts.end_user_sessions(&root, id, here).await.unwrap();
            }
            Self::Disabled => fixture.disable(id).await,
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
                fixture.advance_clock(60);
                accounts.refresh(&alice.refresh_token, here).await.unwrap_err();
            }
        }
    }

    const fn code(self) -> &'static str {
        if matches!(self, Self::Disabled) { "account_disabled" } else { "session_expired" }
    }
}

#[tokio::test]
async fn events_on_this_node_take_effect_immediately() {
    for event in Event::ALL {
        let fixture = Fixture::with_cache().await;
        let alice = fixture.log_in("alice").await;
        for _ in 0..3 {
            assert_eq!(authenticate(&fixture, &alice).await, "alice");
        }
        assert_eq!(fixture.store.lookups(), 1, "the session is cached");
        event.apply(&fixture, &alice).await;
        assert_eq!(authenticate(&fixture, &alice).await, event.code(), "{event:?}");
    }
}

/// The lookup reads the session before the event, and completes after it.
#[tokio::test]
async fn pending_lookup_does_not_restore_ended_session() {
    for event in Event::ALL {
        let fixture = Arc::new(Fixture::with_cache().await);
        let alice = Arc::new(fixture.log_in("alice").await);
        let pause = fixture.store.pause_next_lookup();
        let (shared, tokens) = (Arc::clone(&fixture), Arc::clone(&alice));
        let pending = tokio::spawn(async move { authenticate(&shared, &tokens).await });
        pause.reached.notified().await;
        event.apply(&fixture, &alice).await;
        pause.resumed.notify_one();
        // This request started before the event, so it may pass; later requests may not.
        assert_eq!(pending.await.unwrap(), "alice");
        assert_eq!(authenticate(&fixture, &alice).await, event.code(), "{event:?}");
        assert_eq!(authenticate(&fixture, &alice).await, event.code(), "{event:?}");
    }
}

#[tokio::test]
async fn withdrawn_key_is_rejected_after_a_pending_lookup() {
    let fixture = Arc::new(Fixture::new().await);
    let alice = Arc::new(fixture.log_in("alice").await);
    assert_eq!(authenticate(&fixture, &alice).await, "alice");
    let pause = fixture.store.pause_next_lookup();
    let (shared, tokens) = (Arc::clone(&fixture), Arc::clone(&alice));
    let pending = tokio::spawn(async move { authenticate(&shared, &tokens).await });
    pause.reached.notified().await;
    fixture.keys.replace();
    pause.resumed.notify_one();
    assert_eq!(pending.await.unwrap(), "token_invalid");
}

/// Several tasks look the session up while it is ended: afterwards no lookup returns it as active.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_lookups_do_not_restore_ended_session() {
    let fixture = Fixture::with_cache().await;
    for _ in 0..100 {
        let store = Arc::clone(fixture.accounts.store());
        let view = fixture.log_in("alice").await.session;
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
async fn role_changes_and_expiry_take_effect_immediately() {
    let fixture = Fixture::with_cache().await;
    let alice = fixture.log_in("alice").await;
    assert_eq!(authenticate(&fixture, &alice).await, "alice");
    let roles = Some(["auditor".parse().unwrap()].into());
    fixture.update(alice.session.account.id, AccountUpdate { is_disabled: None, roles }).await;
    let key = kleidia_tower::session::SessionLookup::Id(alice.session.session.id);
    let seen = fixture.accounts.store().session(key).await.unwrap().unwrap();
    assert_eq!(seen.account.roles, ["auditor".parse().unwrap()].into());
    fixture.advance_clock(1800);
    assert_eq!(authenticate(&fixture, &alice).await, "token_expired");
    let refreshed =
        fixture.accounts.refresh(&alice.refresh_token, ClientInfo::default()).await.unwrap();
    assert_eq!(authenticate(&fixture, &refreshed).await, "alice");
}

/// A failed write may have changed any session, so it resets the cache.
#[tokio::test]
async fn unavailable_store_rejects_sessions_that_are_not_cached() {
    let fixture = Fixture::with_cache().await;
    let (cached, uncached) = (fixture.log_in("alice").await, fixture.log_in("root").await);
    assert_eq!(authenticate(&fixture, &cached).await, "alice");
    fixture.store.set_unavailable(true);
    assert_eq!(authenticate(&fixture, &uncached).await, "unavailable");
    assert_eq!(authenticate(&fixture, &cached).await, "alice");
    fixture.accounts.log_out(&cached.session, ClientInfo::default()).await.unwrap_err();
    assert_eq!(authenticate(&fixture, &cached).await, "unavailable");
}
