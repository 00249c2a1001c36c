//! Refresh token rotation: each token is consumed once, for one successor.

use std::sync::Arc;
use std::time::Duration;

use super::concurrent::concurrently;
use super::expected::success;
use super::fixture::{
    NOW, REFRESH, SESSION, StoreFixture, at, elsewhere, refresh_token, session_token, time,
};
use super::refresh::{GRACE, rotation};
use crate::audit::{EventKind, Reason};
use crate::session::{
    AuthMethods, EndReason, Rotation, RotationOutcome, Session, SessionLookup, SessionSelector,
};

pub(super) async fn rotates_token(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    let other = fixture.login(&alice, 100).await;
    let mut expected = (*opened).clone();
    for (presented, second) in [(1, 0), (2, 60), (3, SESSION - 1)] {
        let renewed = fixture.refresh(&alice, presented, presented + 1, second).await;
        expected.expires_at = time(second + SESSION);
        expected.last_seen_at = time(second);
        assert_eq!(*renewed, expected, "the session is extended");
    }
    let found =
        fixture.store.session(SessionLookup::Token(session_token(1))).await.expect("a result");
    assert_eq!(
        found.map(|view| view.session.id),
        Some(opened.id),
        "the session token stays the same"
    );
    let proposed = SessionLookup::Token(session_token(2));
    assert_eq!(
        fixture.store.session(proposed).await.expect("a result"),
        None,
        "unused session token"
    );
    assert_eq!(fixture.session(&other).await, other);
}

pub(super) async fn refresh_never_shortens_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    fixture.store.touch(&[(opened.id, time(100))]).await.expect("a result");
    // From a node whose clock is behind.
    let renewed = fixture.refresh(&alice, 1, 2, -30).await;
    assert_eq!(renewed.expires_at, opened.expires_at);
    assert_eq!(renewed.last_seen_at, time(100));
}

pub(super) async fn returns_same_successor_within_grace_period(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 50).await;
    for second in [50, 55, 50 + GRACE - 1] {
        let (session, end) = fixture.retry(&alice, 1, 2, second).await;
        assert_eq!(session.id, opened.id);
        assert_eq!(session.expires_at, time(50 + SESSION), "a retry does not extend the session");
        assert_eq!(end, time(50 + REFRESH), "the successor keeps its expiry");
        fixture.assert_invalid(&alice, &[1_000_002], second).await;
    }
    let renewed = fixture.refresh(&alice, 2, 3, 55).await;
    assert_eq!(renewed.id, opened.id);
    // Two tabs, of which one is one rotation ahead.
    fixture.retry(&alice, 1, 2, 56).await;
    fixture.retry(&alice, 2, 3, 57).await;
    fixture.refresh(&alice, 3, 4, 58).await;
}

pub(super) async fn use_after_grace_period_is_reuse(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 50).await;
    fixture.retry(&alice, 1, 2, 50 + GRACE - 1).await;
    fixture.assert_reused(&alice, 1, opened.id, &[opened.id], 50 + GRACE).await;
    assert!(fixture.active(alice.id, 50 + GRACE).await.is_empty());
}

pub(super) async fn clock_skew_is_not_reuse(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 50).await;
    fixture.retry(&alice, 1, 2, 49).await;
    fixture.retry(&alice, 1, 2, 50 - GRACE + 1).await;
}

/// Its time is taken before it waits for the store.
pub(super) async fn lost_race_is_not_reuse_after_a_long_wait(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 100).await;
    fixture.retry(&alice, 1, 2, 100 - GRACE).await;
    fixture.retry(&alice, 1, 2, 100 - 59).await;
    fixture.assert_reused(&alice, 1, opened.id, &[opened.id], 100 - 60).await;
}

pub(super) async fn rejects_unknown_and_expired_tokens(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.login(&alice, 2).await;
    fixture.assert_invalid(&alice, &[3], 1).await;
    for token in [session_token(1), session_token(2)] {
        let rotation = Rotation { presented: token, ..rotation(3, 4, 1) };
        let done = fixture.store.rotate_refresh_token(&rotation, &at(1)).await;
        let rotated = fixture.expect(done, &at(1), &alice, &[]).await;
        assert!(
            matches!(rotated, RotationOutcome::Invalid),
            "a session token is not a refresh token: {rotated:?}"
        );
    }
    fixture.assert_invalid(&alice, &[1], REFRESH).await;
    fixture.assert_invalid(&alice, &[1], REFRESH + 1).await;
    let last = rotation(1, 5, REFRESH - 1);
    let replacing = fixture.refresh_expired(&alice, last, &at(REFRESH - 1)).await;
    assert_eq!(replacing.family, session.family);
    // A consumed token expires too: using it then is not reuse.
    fixture.assert_invalid(&alice, &[1], REFRESH).await;
    assert_eq!(fixture.active(alice.id, REFRESH).await, [replacing.id]);
}

pub(super) async fn refresh_replaces_expired_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    let done = fixture.store.register_agent(opened.id, alice.id, "PEM".to_owned(), &at(1)).await;
    let event = success(EventKind::AgentRegistered).with_session(opened.id);
    assert!(fixture.expect(done, &at(1), &alice, &[event]).await);

    let change = elsewhere(&at(SESSION));
    let replacing = fixture.refresh_expired(&alice, rotation(1, 2, SESSION), &change).await;
    let expected = Session {
        id: replacing.id,
        user: alice.id,
        family: opened.family,
        client: change.client.clone(),
        created_at: change.at,
        authenticated_at: NOW,
        methods: AuthMethods::password(),
        last_seen_at: change.at,
        expires_at: time(SESSION + SESSION),
        end: None,
        agent_key: None,
    };
    assert_eq!(*replacing, expected, "the client is that of the refresh");
    assert!(replacing.id > opened.id);
    let expired = fixture.session(&opened).await;
    assert_eq!((expired.expires_at, expired.end), (opened.expires_at, None), "it stays expired");
    assert_eq!(fixture.active(alice.id, SESSION).await, [replacing.id]);
    let found =
        fixture.store.session(SessionLookup::Token(session_token(2))).await.expect("a result");
    assert_eq!(
        found.map(|view| view.session),
        Some(Arc::clone(&replacing)),
        "it has its own session token"
    );
    let renewed = fixture.refresh(&alice, 2, 3, SESSION + 1).await;
    assert_eq!(renewed.id, replacing.id);
    let third =
        fixture.refresh_expired(&alice, rotation(3, 4, 3 * SESSION), &at(3 * SESSION)).await;
    assert_eq!((third.family, third.authenticated_at), (opened.family, NOW));
}

pub(super) async fn retry_returns_replacing_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.login(&alice, 1).await;
    let replacing = fixture.refresh_expired(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    let (session, _) = fixture.retry(&alice, 1, 2, SESSION + 1).await;
    assert_eq!(session, replacing);
    assert_eq!(
        fixture.active(alice.id, SESSION + 1).await,
        [replacing.id],
        "a retry opens no session"
    );
}

pub(super) async fn rejects_refresh_after_session_end(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for (token, reason) in [
        (10, EndReason::Logout),
        (20, EndReason::Revoked),
        (30, EndReason::RevokedByAdmin),
        (40, EndReason::RefreshTokenReuse),
    ] {
        for all in [false, true] {
            let token = token + if all { 5 } else { 0 };
            let session = fixture.login(&alice, token).await;
            fixture.refresh(&alice, token, token + 1, 1).await;
            let one = SessionSelector::One { user: alice.id, session: session.id };
            let which = if all { SessionSelector::All { user: alice.id } } else { one };
            let ended = fixture.end(&alice, which, reason, &[session.id], &at(2)).await;
            assert_eq!(ended, [session.id]);
            // The current token and the consumed one, within the grace period and after it.
            for (token, second) in [(token + 1, 2), (token, 3), (token, 100), (token + 1, 100)] {
                fixture.assert_invalid(&alice, &[token], second).await;
            }
        }
    }
    assert!(fixture.active(alice.id, 100).await.is_empty());
}

pub(super) async fn concurrent_uses_rotate_once(fixture: &StoreFixture) {
    const TASKS: u32 = 100;
    const ROUNDS: u32 = 10;
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 0).await;
    let mut presented = refresh_token(0);
    for round in 0..ROUNDS {
        let rotated = concurrently(TASKS, |task| {
            let store = Arc::clone(&fixture.store);
            let number = 1 + round * TASKS + task;
            let rotation = Rotation { presented, ..rotation(0, number, i64::from(round)) };
            let change = at(i64::from(round));
            async move {
                let done = store.rotate_refresh_token(&rotation, &change).await.expect("a result");
                (rotation.successor, done.value)
            }
        });
        let (mut first, mut retried) = (Vec::new(), Vec::new());
        for (proposed, rotated) in rotated.await {
            match rotated {
                RotationOutcome::Rotated { session, .. } => {
                    first.push((proposed, session.session.id));
                }
                RotationOutcome::Retried { session, successor, .. } => {
                    retried.push((successor, session.session.id));
                }
                other => panic!("round {round}: {other:?}"),
            }
        }
        let [winner] = first[..] else { panic!("round {round}: {} rotations", first.len()) };
        assert_eq!(winner.1, opened.id);
        assert_eq!(retried, vec![winner; TASKS as usize - 1], "round {round}: one successor");
        let records = fixture.new_records().await;
        let retry = Reason::Retry.to_string();
        assert!(records.iter().all(|record| record.kind == EventKind::TokenRefresh), "{records:?}");
        let marked = records.iter().filter(|record| record.reason.as_ref() == Some(&retry)).count();
        assert_eq!((records.len(), marked), (TASKS as usize, TASKS as usize - 1), "round {round}");
        presented = winner.0;
    }
    assert_eq!(fixture.active(alice.id, 0).await, [opened.id]);
}

pub(super) async fn records_rejected_tokens(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 1).await;
    let one = SessionSelector::One { user: alice.id, session: session.id };
    fixture.end(&alice, one, EndReason::Logout, &[session.id], &at(2)).await;
    // A thief uses a stolen token after the user has logged out.
    for token in [1, 2] {
        let rotation = rotation(token, 900, 3);
        fixture.assert_rejected(&alice, rotation, session.id, Reason::TokenRevoked, 3).await;
    }
    let expired = fixture.login(&alice, 10).await;
    let rotation = rotation(10, 900, REFRESH);
    fixture.assert_rejected(&alice, rotation, expired.id, Reason::TokenExpired, REFRESH).await;
}

pub(super) async fn login_ends_after_its_lifetime(fixture: &StoreFixture) {
    const LIFETIME: i64 = 2 * SESSION;
    let alice = fixture.account("alice").await;
    let opened = fixture.login(&alice, 1).await;
    let bounded = |presented, successor, second| Rotation {
        login_ttl: Duration::from_secs(LIFETIME.unsigned_abs()),
        ..rotation(presented, successor, second)
    };
    let second = SESSION + 10;
    let done = fixture.store.rotate_refresh_token(&bounded(1, 2, second), &at(second)).await;
    let done = done.expect("a result");
    let RotationOutcome::Rotated { session, refresh_expires_at, is_new_session } = &done.value
    else {
        panic!("{:?}", done.value)
    };
    assert!(*is_new_session);
    let session = Arc::clone(&session.session);
    assert_eq!((session.expires_at, *refresh_expires_at), (time(LIFETIME), time(LIFETIME)));
    assert_eq!(session.authenticated_at, opened.authenticated_at);
    assert_eq!(fixture.new_records().await.len(), 2);
    let last = bounded(2, 3, LIFETIME - 1);
    let done = fixture.store.rotate_refresh_token(&last, &at(LIFETIME - 1)).await;
    let RotationOutcome::Rotated { session, .. } = done.expect("a result").value else { panic!() };
    assert_eq!(session.session.expires_at, time(LIFETIME));
    assert_eq!(fixture.new_records().await.len(), 1);
    for second in [LIFETIME, LIFETIME + 1] {
        let late = bounded(3, 4, second);
        let id = session.session.id;
        fixture.assert_rejected(&alice, late, id, Reason::LoginExpired, second).await;
    }
    assert!(fixture.active(alice.id, LIFETIME).await.is_empty());
}
