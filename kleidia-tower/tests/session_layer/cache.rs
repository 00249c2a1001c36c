//! `SessionCachingStore`: cached sessions, and their immediate invalidation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::poll;
use kleidia_tower::account::{AccountUpdate, PasswordChange, TokenSet};
use kleidia_tower::session::{
    EndReason, SessionCachingStore, SessionLookup, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::{ChangeContext, MemoryStore, Store};
use kleidia_tower::{ClientInfo, Timestamp, clock_fn};

use crate::numbered;
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
                accounts.end_user_sessions(Some(&root), id, here).await.unwrap();
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
        let key = SessionLookup::Id(view.session.id);
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
    let key = SessionLookup::Id(alice.session.session.id);
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

#[tokio::test]
async fn requests_of_a_session_share_a_lookup() {
    let fixture = Arc::new(Fixture::with_cache().await);
    let alice = Arc::new(fixture.log_in("alice").await);
    let pause = fixture.store.pause_next_lookup();
    let request = || {
        let (fixture, alice) = (Arc::clone(&fixture), Arc::clone(&alice));
        tokio::spawn(async move { authenticate(&fixture, &alice).await })
    };
    let first = request();
    pause.reached.notified().await;
    let others: Vec<_> = (0..100).map(|_| request()).collect();
    tokio::task::yield_now().await;
    // The client of the first request disconnects.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    pause.resumed.notify_one();
    for other in others {
        assert_eq!(other.await.unwrap(), "alice");
    }
    assert_eq!(fixture.store.lookups(), 1);
}

#[tokio::test]
async fn requests_that_wait_for_a_lookup_are_bounded_in_number_and_time() {
    let fixture = Fixture::with_cache().await;
    let (alice, root) = (fixture.log_in("alice").await, fixture.log_in("root").await);
    let [alice, root] = [alice, root].map(|tokens| SessionLookup::Id(tokens.session.session.id));
    // The store does not respond.
    let pause = fixture.store.pause_next_lookup();
    let store = fixture.accounts.store();
    let mut waiting: Vec<_> = (0..1000).map(|_| Box::pin(store.session(alice))).collect();
    for lookup in &mut waiting {
        assert!(poll!(lookup).is_pending());
    }
    pause.reached.notified().await;
    for session in [alice, root] {
        let busy = store.session(session).await.unwrap_err();
        assert_eq!(busy.to_string(), "the store's queue is full");
    }
    for outcome in join_all(waiting).await {
        let error = outcome.unwrap_err().to_string();
        assert_eq!(error, "store unavailable: no response within 5 s");
    }
    assert_eq!(fixture.store.lookups(), 1, "those that wait start no further query");
    // The shared query began after its first waiters, so it may end a moment after them: a request
    // that joins it gets its timeout.
    let found = match store.session(alice).await {
        Err(_) => store.session(alice).await,
        found => found,
    };
    assert!(found.unwrap().is_some());
}

/// While the store is slow, requests do not wait for it: the session is looked up before its entry
/// expires.
#[tokio::test]
async fn session_in_use_is_renewed_in_the_background() {
    let max_staleness = Duration::from_secs(2);
    for _ in 0..10 {
        let fixture = Fixture::with_max_staleness(max_staleness).await;
        let alice = fixture.log_in("alice").await;
        assert_eq!(authenticate(&fixture, &alice).await, "alice");
        let pause = fixture.store.pause_next_lookup();
        let requests = async {
            while fixture.store.lookups() < 2 {
                assert_eq!(authenticate(&fixture, &alice).await, "alice");
                tokio::task::yield_now().await;
            }
        };
        // On a busy machine, the entry may expire before the test sends the next request, which
        // then waits.
        let is_renewed = tokio::time::timeout(2 * max_staleness, requests).await.is_ok();
        pause.resumed.notify_one();
        if is_renewed {
            return;
        }
    }
    panic!("no session is renewed before it expires");
}

#[test]
fn settings_are_bounded() {
    let store = || SessionCachingStore::new(Arc::new(MemoryStore::default()));
    for (capacity, is_valid) in [(0, false), (1, true), (10_000_000, true), (10_000_001, false)] {
        assert_eq!(store().with_capacity(capacity).is_ok(), is_valid, "{capacity}");
    }
    let day = Duration::from_secs(24 * 3600);
    for (max, is_valid) in
        [(Duration::ZERO, true), (day, true), (day + Duration::from_nanos(1), false)]
    {
        assert_eq!(store().with_max_staleness(max).is_ok(), is_valid, "{max:?}");
    }
}

/// Another process may have extended it.
#[tokio::test]
async fn session_that_expires_in_the_cache_is_looked_up() {
    let store = Arc::new(MemoryStore::default());
    let alice = numbered::create(&*store, "alice").await;
    let session = numbered::log_in(&*store, &alice, 1).await.session;
    let seconds = Arc::new(AtomicI64::new(session.expires_at.as_second() - 1));
    let shared = Arc::clone(&seconds);
    let clock = clock_fn(move || Timestamp::from_second(shared.load(Ordering::SeqCst)).ok());
    let inner: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
    let cached = SessionCachingStore::new(inner).with_clock(clock);
    let expiry = async || {
        let key = SessionLookup::Id(session.id);
        cached.session(key).await.unwrap().unwrap().session.expires_at
    };
    assert_eq!(expiry().await, session.expires_at);
    let mut rotation = numbered::rotation(1, 2);
    rotation.expires_at += Duration::from_secs(60);
    let _ = store.rotate_refresh_token(&rotation, &numbered::at(1)).await.unwrap();
    assert_eq!(expiry().await, session.expires_at, "from the cache");
    seconds.fetch_add(1, Ordering::SeqCst);
    assert_eq!(expiry().await, rotation.expires_at);
}
