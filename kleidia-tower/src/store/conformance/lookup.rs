//! Looking up, listing and touching sessions.

use super::fixture::{
    NOW, SESSION, StoreFixture, session_token, time, unknown_session, unknown_user,
};
use crate::SessionId;
use crate::session::SessionLookup;

pub(super) async fn lists_active_sessions(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let mut ids = Vec::new();
    for (token, second) in [(1, 0), (2, 10), (3, 5)] {
        ids.push(fixture.login_at(&alice, token, second).await.id);
        fixture.login_at(&bob, 100 + token, second).await;
    }
    let [first, second, third] = ids[..] else { panic!("three sessions, not {ids:?}") };
    assert!(first < second && second < third, "ids are ascending: {ids:?}");
    assert_eq!(fixture.active(alice.id, 10).await, [third, second, first], "the newest first");
    assert_eq!(fixture.active(alice.id, SESSION - 1).await, [third, second, first]);
    assert_eq!(fixture.active(alice.id, SESSION).await, [third, second], "expired at this second");
    assert_eq!(fixture.active(alice.id, SESSION + 9).await, [second]);
    assert!(fixture.active(alice.id, SESSION + 10).await.is_empty());
    assert!(fixture.active(unknown_user(&bob), 0).await.is_empty(), "unknown user");

    let listed = fixture.store.find_sessions(alice.id, NOW).await.expect("a result");
    for session in listed {
        assert_eq!(fixture.session(&session).await, session, "listed as looked up");
    }
    for unknown in [
        SessionLookup::Id(SessionId::new(third.get() + 100)),
        SessionLookup::Token(session_token(4)),
    ] {
        assert_eq!(fixture.store.session(unknown).await.expect("a result"), None);
    }
}

pub(super) async fn touch_updates_last_seen(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    let other = fixture.login(&alice, 2).await;
    for (second, seen) in [(60, 60), (30, 60), (61, 61)] {
        fixture.store.touch(&[(session.id, time(second))]).await.expect("a result");
        let stored = fixture.session(&session).await;
        assert_eq!(stored.last_seen_at, time(seen), "touched at {second}");
        let expected = crate::session::Session { last_seen_at: time(seen), ..(*session).clone() };
        assert_eq!(*stored, expected, "nothing else changes");
    }
    let unknown = (unknown_session(&other), time(60));
    fixture.store.touch(&[unknown]).await.expect("an unknown session is not an error");
    assert_eq!(fixture.session(&other).await, other);
    let bob = fixture.account("bob").await;
    let of_bob = fixture.login(&bob, 3).await;
    let both = [unknown, (of_bob.id, time(90)), (other.id, time(70)), (session.id, time(80))];
    fixture.store.touch(&both).await.expect("a result");
    assert_eq!(fixture.session(&other).await.last_seen_at, time(70));
    assert_eq!(fixture.session(&session).await.last_seen_at, time(80));
    assert_eq!(fixture.session(&of_bob).await.last_seen_at, time(90));
    fixture.store.touch(&[]).await.expect("a result");
}
