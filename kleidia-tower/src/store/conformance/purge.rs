//! What is over is forgotten, in bounded batches, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use super::expected::success;
use super::refresh::{GRACE, rotation};
use super::scene::{REFRESH, SESSION, Scene, at, new_session, refresh_token, session_token, time};
use crate::audit::{AuditQuery, EventKind};
use crate::session::{EndReason, Ending, NewSession, Rotated, Rotation, Session, SessionKey};
use crate::store::Retention;

/// For how long sessions are kept in these cases.
const KEPT: i64 = 1000;
const RETENTION: Retention = Retention {
    sessions: Duration::from_secs(KEPT.unsigned_abs()),
    failures: Duration::from_secs(12 * 3600),
};

impl Scene {
    /// Forgets all that is over at this second, and tells how much that was.
    async fn purge(&self, second: i64) -> usize {
        let mut forgotten = 0;
        for _ in 0..1000 {
            let purged = self.store.purge(time(second), &RETENTION, 100).await.expect("an answer");
            forgotten += purged;
            // Of each kind there may be as many as the limit.
            if purged == 0 {
                return forgotten;
            }
        }
        panic!("it never ends: {forgotten} rows are forgotten");
    }

    async fn is_kept(&self, session: &Session) -> bool {
        let view = self.store.session(SessionKey::Id(session.id)).await.expect("an answer");
        view.is_some()
    }
}

pub(super) async fn sessions_are_kept_while_they_or_their_tokens_last(scene: &Scene) {
    let alice = scene.account("alice").await;
    let renewed = scene.login(&alice, 1).await;
    let brief = NewSession { refresh_expires_at: time(60), ..new_session(&alice, 10, 0) };
    let brief = scene.open(brief, &alice, &at(0)).await.session;
    assert!(scene.purge(60 + KEPT).await >= 1, "a token is over");
    assert!(scene.is_kept(&brief).await, "the session was over later");
    scene.purge(SESSION + KEPT - 1).await;
    assert!(scene.is_kept(&brief).await, "for one second more");
    assert!(scene.purge(SESSION + KEPT).await >= 1, "a session");
    assert!(!scene.is_kept(&brief).await, "it and its token were over for long enough");
    assert!(scene.is_kept(&renewed).await, "its token lasts");
    scene.purge(REFRESH - 1).await;
    assert!(scene.is_kept(&renewed).await, "its token lasts");
    let followed = rotation(1, 2, REFRESH - 1);
    let followed = scene.reopens(&alice, followed, &at(REFRESH - 1)).await;

    let end = 2 * REFRESH - 1;
    for second in [end - 1, end, end + KEPT - 1] {
        scene.purge(second).await;
        assert!(scene.is_kept(&followed).await, "at {second}");
    }
    assert!(scene.purge(end + KEPT).await >= 1, "a session");
    assert!(!scene.is_kept(&followed).await && !scene.is_kept(&renewed).await);
    for token in [1, 2, 10] {
        scene.is_invalid(&alice, token, end + KEPT).await;
    }
}

pub(super) async fn the_token_that_lasts_longest_counts(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    // A node whose tokens last for a shorter time.
    let brief = Rotation { refresh_expires_at: time(60), ..rotation(1, 2, 1) };
    let done = scene.store.rotate(&brief, &at(1)).await;
    let event = success(EventKind::TokenRefresh).of(session.id);
    let rotated = scene.expect(done, &at(1), &alice, &[event]).await;
    assert!(matches!(rotated, Rotated::First { .. }), "{rotated:?}");
    for second in [SESSION + KEPT, REFRESH + KEPT - 1] {
        scene.purge(second).await;
        assert!(scene.is_kept(&session).await, "at {second}");
    }
    scene.purge(REFRESH + KEPT).await;
    assert!(!scene.is_kept(&session).await);
}

pub(super) async fn what_is_revoked_stays_revoked(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 1).await;
    let one = Ending::One { user: alice.id, session: session.id };
    scene.ends(&alice, one, EndReason::Logout, &[session.id], &at(2)).await;
    let open = scene.login_at(&alice, 10, 3).await;
    for second in [3, SESSION + KEPT + 10, REFRESH - 1] {
        scene.purge(second).await;
        for token in [1, 2] {
            scene.is_invalid(&alice, token, second).await;
        }
    }
    assert!(scene.is_kept(&open).await);
    scene.reopens(&alice, rotation(10, 11, REFRESH - 1), &at(REFRESH - 1)).await;
}

pub(super) async fn reuse_is_still_noticed(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 10).await;
    scene.purge(10).await;
    scene.retries(&alice, 1, 2, 10 + GRACE - 1).await;
    scene.purge(REFRESH - 1).await;
    let second = REFRESH - 1;
    let followed = scene.reopens(&alice, rotation(2, 3, second), &at(second)).await;
    scene.purge(second).await;
    scene.is_reused(&alice, 1, session.id, &[followed.id], second).await;
    scene.is_invalid(&alice, 3, second).await;
}

pub(super) async fn purges_are_bounded(scene: &Scene) {
    const LIMIT: usize = 10;
    /// Sessions, refresh tokens and failures, and what a store has beside them.
    const KINDS: usize = 4;
    let alice = scene.account("alice").await;
    let mut sessions = Vec::new();
    for token in 1..=35 {
        sessions.push(scene.login(&alice, token).await);
        scene.refreshes(&alice, token, 1000 + token, 1).await;
    }
    let now = time(1 + REFRESH + KEPT);
    assert_eq!(scene.store.purge(now, &RETENTION, 0).await.expect("an answer"), 0);
    let mut forgotten = 0;
    // 35 sessions, 70 tokens, and what their logins left.
    for batch in 0.. {
        assert!(batch < 100, "it never ends: {forgotten} rows are forgotten");
        let purged = scene.store.purge(now, &RETENTION, LIMIT).await.expect("an answer");
        assert!(purged <= LIMIT * KINDS, "{purged} rows in one batch of {LIMIT}");
        forgotten += purged;
        // Whatever was forgotten first, what is left of it is refused, and breaks nothing.
        for token in 1..=35 {
            scene.is_invalid(&alice, token, 1 + REFRESH + KEPT).await;
            scene.is_invalid(&alice, 1000 + token, 1 + REFRESH + KEPT).await;
        }
        if purged < LIMIT {
            break;
        }
    }
    assert!(forgotten >= 35 * 3, "{forgotten} rows, of 35 sessions and 70 tokens");
    for session in &sessions {
        assert!(!scene.is_kept(session).await, "fewer than the limit: there are no more");
    }
    assert_eq!(scene.store.purge(now, &RETENTION, usize::MAX).await.expect("an answer"), 0);
}

pub(super) async fn a_family_goes_in_batches(scene: &Scene) {
    const LIMIT: usize = 5;
    const SESSIONS: u32 = 40;
    let alice = scene.account("alice").await;
    scene.login(&alice, 0).await;
    let mut second = 0;
    for token in 1..SESSIONS {
        second += SESSION;
        scene.reopens(&alice, rotation(token - 1, token, second), &at(second)).await;
    }
    second += REFRESH + KEPT;
    for batch in 0.. {
        assert!(batch < 100, "it never ends");
        let purged = scene.store.purge(time(second), &RETENTION, LIMIT).await.expect("an answer");
        // Sessions, refresh tokens and failures.
        assert!(purged <= 3 * LIMIT, "{purged} rows in one batch of {LIMIT}");
        for token in 0..SESSIONS {
            scene.is_invalid(&alice, token, second).await;
        }
        if purged < LIMIT {
            break;
        }
    }
    for number in 0..SESSIONS {
        let key = SessionKey::Token(session_token(number));
        assert_eq!(scene.store.session(key).await.expect("an answer"), None, "session {number}");
    }
}

pub(super) async fn accounts_and_records_are_kept(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    for token in 1..=5 {
        scene.login(&alice, token).await;
    }
    let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
    let records = scene.store.records(&query).await.expect("an answer");
    let (hers, his) = (scene.stored(&alice).await, scene.stored(&bob).await);
    assert!(scene.purge(100 * REFRESH).await >= 10);
    assert_eq!(scene.store.records(&query).await.expect("an answer"), records);
    assert_eq!((scene.stored(&alice).await, scene.stored(&bob).await), (hers, his));
    let listed = scene.store.accounts(None, 10).await.expect("an answer");
    assert_eq!(listed.len(), 2);
    scene.login_at(&alice, 6, 100 * REFRESH).await;
}

pub(super) async fn numbers_are_not_used_again(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (mut sessions, mut families) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..5 {
        let second = i64::from(round) * 2 * REFRESH;
        for token in 1..=3 {
            let session = scene.login_at(&alice, round * 10 + token, second).await;
            assert!(sessions.insert(session.id), "session {} is another's", session.id);
            assert!(families.insert(session.family), "family {} is another's", session.family);
        }
        assert!(scene.purge(second + REFRESH + KEPT).await >= 6);
        assert!(scene.active(alice.id, second).await.is_empty());
    }
    assert!(sessions.iter().is_sorted());
}

pub(super) async fn what_never_ends_is_kept(scene: &Scene) {
    let alice = scene.account("alice").await;
    let last = crate::time::add(time(0), Duration::MAX);
    let new = NewSession {
        expires_at: last,
        refresh_expires_at: last,
        refresh_token: refresh_token(7),
        ..new_session(&alice, 1, 0)
    };
    let session = scene.open(new, &alice, &at(0)).await.session;
    let retention = Retention { sessions: Duration::MAX, failures: Duration::MAX };
    for retention in [RETENTION, retention] {
        let purged = scene.store.purge(time(1000 * REFRESH), &retention, 100).await;
        purged.expect("an answer");
    }
    assert_eq!(scene.session(&session).await, session);
    scene.refreshes(&alice, 7, 8, 1000 * REFRESH).await;
}
