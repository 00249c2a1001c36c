//! Refresh tokens are spent, each for one successor.

use std::sync::Arc;

use super::expected::success;
use super::many::at_once;
use super::refresh::{GRACE, rotation};
use super::scene::{
    NOW, REFRESH, SESSION, Scene, at, elsewhere, refresh_token, session_token, time,
};
use crate::audit::{EventKind, Reason};
use crate::session::{EndReason, Ending, Rotated, Rotation, Session, SessionKey};

pub(super) async fn a_token_is_spent_for_its_successor(scene: &Scene) {
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 1).await;
    let other = scene.login(&alice, 100).await;
    let mut expected = (*opened).clone();
    for (presented, second) in [(1, 0), (2, 60), (3, SESSION - 1)] {
        let renewed = scene.refreshes(&alice, presented, presented + 1, second).await;
        expected.expires_at = time(second + SESSION);
        expected.last_seen_at = time(second);
        assert_eq!(*renewed, expected, "the session goes on, for another while");
    }
    let found = scene.store.session(SessionKey::Token(session_token(1))).await.expect("an answer");
    assert_eq!(found.map(|view| view.session.id), Some(opened.id), "under the same token");
    let offered = SessionKey::Token(session_token(2));
    assert_eq!(scene.store.session(offered).await.expect("an answer"), None, "and no other");
    assert_eq!(scene.session(&other).await, other);
}

pub(super) async fn a_renewal_never_shortens(scene: &Scene) {
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 1).await;
    scene.store.touch(opened.id, time(100)).await.expect("an answer");
    // A node whose clock is behind.
    let renewed = scene.refreshes(&alice, 1, 2, -30).await;
    assert_eq!(renewed.expires_at, opened.expires_at);
    assert_eq!(renewed.last_seen_at, time(100));
}

pub(super) async fn a_retry_gets_the_same_successor(scene: &Scene) {
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 50).await;
    for second in [50, 55, 50 + GRACE - 1] {
        let (session, end) = scene.retries(&alice, 1, 2, second).await;
        assert_eq!(session.id, opened.id);
        assert_eq!(session.expires_at, time(50 + SESSION), "a retry renews nothing");
        assert_eq!(end, time(50 + REFRESH), "the successor lasts as long as it did");
        scene.is_invalid(&alice, 1_000_002, second).await;
    }
    let renewed = scene.refreshes(&alice, 2, 3, 55).await;
    assert_eq!(renewed.id, opened.id);
    // One tab is a step ahead of the other.
    scene.retries(&alice, 1, 2, 56).await;
    scene.retries(&alice, 2, 3, 57).await;
    scene.refreshes(&alice, 3, 4, 58).await;
}

pub(super) async fn a_retry_is_refused_once_the_grace_is_over(scene: &Scene) {
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 50).await;
    scene.retries(&alice, 1, 2, 50 + GRACE - 1).await;
    scene.is_reused(&alice, 1, opened.id, &[opened.id], 50 + GRACE).await;
    assert!(scene.active(alice.id, 50 + GRACE).await.is_empty());
}

pub(super) async fn a_clock_that_is_behind_makes_no_reuse(scene: &Scene) {
    let alice = scene.account("alice").await;
    scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 50).await;
    scene.retries(&alice, 1, 2, 49).await;
    scene.retries(&alice, 1, 2, 50 - GRACE + 1).await;
}

pub(super) async fn nobody_refreshes_with_what_is_unknown_or_over(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.login(&alice, 2).await;
    scene.is_invalid(&alice, 3, 1).await;
    for token in [session_token(1), session_token(2)] {
        let rotation = Rotation { presented: token, ..rotation(3, 4, 1) };
        let done = scene.store.rotate(&rotation, &at(1)).await;
        let rotated = scene.expect(done, &at(1), &alice, &[]).await;
        assert!(matches!(rotated, Rotated::Invalid), "the token of a session: {rotated:?}");
    }
    scene.is_invalid(&alice, 1, REFRESH).await;
    scene.is_invalid(&alice, 1, REFRESH + 1).await;
    let last = rotation(1, 5, REFRESH - 1);
    let followed = scene.reopens(&alice, last, &at(REFRESH - 1)).await;
    assert_eq!(followed.family, session.family);
    // What was spent is over at its time, too, and no reuse.
    scene.is_invalid(&alice, 1, REFRESH).await;
    assert_eq!(scene.active(alice.id, REFRESH).await, [followed.id]);
}

pub(super) async fn a_lapsed_session_is_followed_by_another(scene: &Scene) {
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 1).await;
    let done = scene.store.register_agent(opened.id, alice.id, "PEM".to_owned(), &at(1)).await;
    let event = success(EventKind::AgentRegistered).of(opened.id);
    assert!(scene.expect(done, &at(1), &alice, &[event]).await);

    let change = elsewhere(&at(SESSION));
    let followed = scene.reopens(&alice, rotation(1, 2, SESSION), &change).await;
    let expected = Session {
        id: followed.id,
        user: alice.id,
        family: opened.family,
        client: change.client.clone(),
        created_at: change.at,
        authenticated_at: NOW,
        last_seen_at: change.at,
        expires_at: time(SESSION + SESSION),
        end: None,
        agent_key: None,
    };
    assert_eq!(*followed, expected, "bound to where the request came from");
    assert!(followed.id > opened.id);
    let lapsed = scene.session(&opened).await;
    assert_eq!((lapsed.expires_at, lapsed.end), (opened.expires_at, None), "it stays over");
    assert_eq!(scene.active(alice.id, SESSION).await, [followed.id]);
    let found = scene.store.session(SessionKey::Token(session_token(2))).await.expect("an answer");
    assert_eq!(found.map(|view| view.session), Some(Arc::clone(&followed)), "under its own token");
    let renewed = scene.refreshes(&alice, 2, 3, SESSION + 1).await;
    assert_eq!(renewed.id, followed.id);
    let third = scene.reopens(&alice, rotation(3, 4, 3 * SESSION), &at(3 * SESSION)).await;
    assert_eq!((third.family, third.authenticated_at), (opened.family, NOW));
}

pub(super) async fn a_retry_gets_the_session_that_followed(scene: &Scene) {
    let alice = scene.account("alice").await;
    scene.login(&alice, 1).await;
    let followed = scene.reopens(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    let (session, _) = scene.retries(&alice, 1, 2, SESSION + 1).await;
    assert_eq!(session, followed);
    assert_eq!(scene.active(alice.id, SESSION + 1).await, [followed.id], "and no third one");
}

pub(super) async fn nothing_is_refreshed_after_the_end(scene: &Scene) {
    let alice = scene.account("alice").await;
    for (token, reason) in [
        (10, EndReason::Logout),
        (20, EndReason::Revoked),
        (30, EndReason::RevokedByAdmin),
        (40, EndReason::Reuse),
    ] {
        for all in [false, true] {
            let token = token + if all { 5 } else { 0 };
            let session = scene.login(&alice, token).await;
            scene.refreshes(&alice, token, token + 1, 1).await;
            let one = Ending::One { user: alice.id, session: session.id };
            let which = if all { Ending::All { user: alice.id } } else { one };
            let ended = scene.ends(&alice, which, reason, &[session.id], &at(2)).await;
            assert_eq!(ended, [session.id]);
            // Neither the live token, nor a retry of the one before, within the grace or past it.
            for (token, second) in [(token + 1, 2), (token, 3), (token, 100), (token + 1, 100)] {
                scene.is_invalid(&alice, token, second).await;
            }
        }
    }
    assert!(scene.active(alice.id, 100).await.is_empty());
}

pub(super) async fn one_of_many_is_first(scene: &Scene) {
    const TASKS: u32 = 100;
    const ROUNDS: u32 = 10;
    let alice = scene.account("alice").await;
    let opened = scene.login(&alice, 0).await;
    let mut presented = refresh_token(0);
    for round in 0..ROUNDS {
        let rotated = at_once(TASKS as usize, |task| {
            let store = Arc::clone(&scene.store);
            let number = 1 + round * TASKS + u32::try_from(task).expect("a number");
            let rotation = Rotation { presented, ..rotation(0, number, i64::from(round)) };
            let change = at(i64::from(round));
            async move {
                let done = store.rotate(&rotation, &change).await.expect("an answer");
                (rotation.successor, done.value)
            }
        });
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for (offered, rotated) in rotated.await {
            match rotated {
                Rotated::First { session } => first.push((offered, session.session.id)),
                Rotated::Again { session, successor, .. } => {
                    again.push((successor, session.session.id));
                }
                other => panic!("round {round}: {other:?}"),
            }
        }
        let [winner] = first[..] else { panic!("round {round}: {} were first", first.len()) };
        assert_eq!(winner.1, opened.id);
        assert_eq!(again, vec![winner; TASKS as usize - 1], "round {round}: one successor");
        let news = scene.news().await;
        let retry = Reason::Retry.to_string();
        assert!(news.iter().all(|record| record.kind == EventKind::TokenRefresh), "{news:?}");
        let retries = news.iter().filter(|record| record.reason.as_ref() == Some(&retry)).count();
        assert_eq!((news.len(), retries), (TASKS as usize, TASKS as usize - 1), "round {round}");
        presented = winner.0;
    }
    assert_eq!(scene.active(alice.id, 0).await, [opened.id]);
}
