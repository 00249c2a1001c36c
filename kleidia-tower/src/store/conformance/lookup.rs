//! Sessions are found, listed and seen.

use super::scene::{NOW, SESSION, Scene, session_token, time, unknown_session, unknown_user};
use crate::SessionId;
use crate::session::SessionKey;

pub(super) async fn sessions_are_listed_while_they_go_on(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let mut ids = Vec::new();
    for (token, second) in [(1, 0), (2, 10), (3, 5)] {
        ids.push(scene.login_at(&alice, token, second).await.id);
        scene.login_at(&bob, 100 + token, second).await;
    }
    let [first, second, third] = ids[..] else { panic!("three sessions, not {ids:?}") };
    assert!(first < second && second < third, "numbers grow: {ids:?}");
    assert_eq!(scene.active(alice.id, 10).await, [third, second, first], "the newest first");
    assert_eq!(scene.active(alice.id, SESSION - 1).await, [third, second, first]);
    assert_eq!(scene.active(alice.id, SESSION).await, [third, second], "over at this second");
    assert_eq!(scene.active(alice.id, SESSION + 9).await, [second]);
    assert!(scene.active(alice.id, SESSION + 10).await.is_empty());
    assert!(scene.active(unknown_user(&bob), 0).await.is_empty(), "of nobody");

    let listed = scene.store.sessions_of(alice.id, NOW).await.expect("an answer");
    for session in listed {
        assert_eq!(scene.session(&session).await, session, "listed as it is found");
    }
    for unknown in
        [SessionKey::Id(SessionId::new(third.get() + 100)), SessionKey::Token(session_token(4))]
    {
        assert_eq!(scene.store.session(unknown).await.expect("an answer"), None);
    }
}

pub(super) async fn a_session_is_seen(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    let other = scene.login(&alice, 2).await;
    for (second, seen) in [(60, 60), (30, 60), (61, 61)] {
        scene.store.touch(session.id, time(second)).await.expect("an answer");
        let stored = scene.session(&session).await;
        assert_eq!(stored.last_seen_at, time(seen), "touched at {second}");
        let expected = crate::session::Session { last_seen_at: time(seen), ..(*session).clone() };
        assert_eq!(*stored, expected, "nothing else changes");
    }
    scene.store.touch(unknown_session(&other), time(60)).await.expect("nobody is no error");
    assert_eq!(scene.session(&other).await, other);
}
