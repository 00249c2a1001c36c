//! Deletion of expired rows in bounded batches.

use std::collections::BTreeSet;
use std::time::Duration;

use super::expected::success;
use super::fixture::{
    REFRESH, SESSION, StoreFixture, at, new_session, refresh_token, session_token, time,
};
use super::refresh::{GRACE, rotation};
use crate::audit::{AuditQuery, EventKind};
use crate::session::{
    EndReason, NewSession, Rotation, RotationOutcome, Session, SessionLookup, SessionSelector,
};
use crate::store::Retention;

/// The retention of sessions in these cases, in seconds.
const KEPT: i64 = 1000;

fn retention() -> Retention {
    Retention::default().with_sessions(Duration::from_secs(KEPT.unsigned_abs()))
}

impl StoreFixture {
    /// Deletes all rows that are expired at this second, and returns how many.
    async fn purge(&self, second: i64) -> usize {
        let mut deleted = 0;
        for _ in 0..1000 {
            let purged = self.purge_batch(second, &retention(), 100).await;
            deleted += purged;
            // The limit applies to each kind of row, so a batch below it may not be the last.
            if purged == 0 {
                return deleted;
            }
        }
        panic!("purging does not end: {deleted} rows deleted");
    }

    pub(super) async fn purge_batch(
        &self,
        second: i64,
        retention: &Retention,
        limit: usize,
    ) -> usize {
        self.store.purge(time(second), retention, limit).await.expect("a result")
    }

    async fn exists(&self, session: &Session) -> bool {
        let view = self.store.session(SessionLookup::Id(session.id)).await.expect("a result");
        view.is_some()
    }
}

pub(super) async fn keeps_sessions_until_they_and_their_tokens_expire(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let renewed = fixture.login(&alice, 1).await;
    let brief = NewSession { refresh_expires_at: time(60), ..new_session(&alice, 10, 0) };
    let brief = fixture.open(brief, &alice, &at(0)).await.session;
    assert!(fixture.purge(60 + KEPT).await >= 1, "a token expired");
    assert!(fixture.exists(&brief).await, "the session expired later");
    fixture.purge(SESSION + KEPT - 1).await;
    assert!(fixture.exists(&brief).await, "retained for one more second");
    assert!(fixture.purge(SESSION + KEPT).await >= 1, "a session");
    assert!(!fixture.exists(&brief).await, "it and its token expired long enough ago");
    assert!(fixture.exists(&renewed).await, "its token is valid");
    fixture.purge(REFRESH - 1).await;
    assert!(fixture.exists(&renewed).await, "its token is valid");
    let replacing = rotation(1, 2, REFRESH - 1);
    let replacing = fixture.refresh_expired(&alice, replacing, &at(REFRESH - 1)).await;

    let end = 2 * REFRESH - 1;
    for second in [end - 1, end, end + KEPT - 1] {
        fixture.purge(second).await;
        assert!(fixture.exists(&replacing).await, "at {second}");
    }
    assert!(fixture.purge(end + KEPT).await >= 1, "a session");
    assert!(!fixture.exists(&replacing).await && !fixture.exists(&renewed).await);
    fixture.assert_invalid(&alice, &[1, 2, 10], end + KEPT).await;
}

pub(super) async fn keeps_family_until_its_last_token_expires(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    // A node with a shorter lifetime of refresh tokens.
    let brief = Rotation { refresh_expires_at: time(60), ..rotation(1, 2, 1) };
    let done = fixture.store.rotate_refresh_token(&brief, &at(1)).await;
    let event = success(EventKind::TokenRefresh).with_session(session.id);
    let rotated = fixture.expect(done, &at(1), &alice, &[event]).await;
    assert!(matches!(rotated, RotationOutcome::Rotated { .. }), "{rotated:?}");
    for second in [SESSION + KEPT, REFRESH + KEPT - 1] {
        fixture.purge(second).await;
        assert!(fixture.exists(&session).await, "at {second}");
    }
    fixture.purge(REFRESH + KEPT).await;
    assert!(!fixture.exists(&session).await);
}

pub(super) async fn purge_keeps_revocations(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 1).await;
    let one = SessionSelector::One { user: alice.id, session: session.id };
    fixture.end(&alice, one, EndReason::Logout, &[session.id], &at(2)).await;
    let open = fixture.login_at(&alice, 10, 3).await;
    for second in [3, SESSION + KEPT + 10, REFRESH - 1] {
        fixture.purge(second).await;
        fixture.assert_invalid(&alice, &[1, 2], second).await;
    }
    assert!(fixture.exists(&open).await);
    fixture.refresh_expired(&alice, rotation(10, 11, REFRESH - 1), &at(REFRESH - 1)).await;
}

pub(super) async fn purge_keeps_reuse_detection(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 10).await;
    fixture.purge(10).await;
    fixture.retry(&alice, 1, 2, 10 + GRACE - 1).await;
    fixture.purge(REFRESH - 1).await;
    let second = REFRESH - 1;
    let replacing = fixture.refresh_expired(&alice, rotation(2, 3, second), &at(second)).await;
    fixture.purge(second).await;
    fixture.assert_reused(&alice, 1, session.id, &[replacing.id], second).await;
    fixture.assert_invalid(&alice, &[3], second).await;
}

pub(super) async fn bounds_purges(fixture: &StoreFixture) {
    const LIMIT: usize = 10;
    /// Sessions, refresh tokens and failures, and one more kind that a store may have.
    const KINDS: usize = 4;
    let alice = fixture.account("alice").await;
    let mut sessions = Vec::new();
    for token in 1..=35 {
        sessions.push(fixture.login(&alice, token).await);
        fixture.refresh(&alice, token, 1000 + token, 1).await;
    }
    let now = 1 + REFRESH + KEPT;
    assert_eq!(fixture.purge_batch(now, &retention(), 0).await, 0);
    let mut deleted = 0;
    // 35 sessions, 70 tokens, and the failure rows of their logins.
    for batch in 0.. {
        assert!(batch < 100, "purging does not end: {deleted} rows deleted");
        let purged = fixture.purge_batch(now, &retention(), LIMIT).await;
        assert!(purged <= LIMIT * KINDS, "{purged} rows in one batch of {LIMIT}");
        deleted += purged;
        // Whichever rows were deleted first, the remaining tokens are invalid.
        for token in 1..=35 {
            fixture.assert_invalid(&alice, &[token, 1000 + token], now).await;
        }
        if purged < LIMIT {
            break;
        }
    }
    assert!(deleted >= 35 * 3, "{deleted} rows, of 35 sessions and 70 tokens");
    for session in &sessions {
        assert!(!fixture.exists(session).await, "a batch below the limit is the last");
    }
    assert_eq!(fixture.purge_batch(now, &retention(), usize::MAX).await, 0);
}

pub(super) async fn purges_family_in_batches(fixture: &StoreFixture) {
    const LIMIT: usize = 5;
    const SESSIONS: u32 = 40;
    let alice = fixture.account("alice").await;
    fixture.login(&alice, 0).await;
    let mut second = 0;
    for token in 1..SESSIONS {
        second += SESSION;
        fixture.refresh_expired(&alice, rotation(token - 1, token, second), &at(second)).await;
    }
    second += REFRESH + KEPT;
    for batch in 0.. {
        assert!(batch < 100, "purging does not end");
        let purged = fixture.purge_batch(second, &retention(), LIMIT).await;
        // Sessions, refresh tokens and failures.
        assert!(purged <= 3 * LIMIT, "{purged} rows in one batch of {LIMIT}");
        for token in 0..SESSIONS {
            fixture.assert_invalid(&alice, &[token], second).await;
        }
        if purged < LIMIT {
            break;
        }
    }
    for number in 0..SESSIONS {
        let key = SessionLookup::Token(session_token(number));
        assert_eq!(fixture.store.session(key).await.expect("a result"), None, "session {number}");
    }
}

pub(super) async fn purge_keeps_accounts_and_records(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    for token in 1..=5 {
        fixture.login(&alice, token).await;
    }
    let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
    let records = fixture.store.records(&query).await.expect("a result");
    let (hers, his) = (fixture.stored(&alice).await, fixture.stored(&bob).await);
    assert!(fixture.purge(100 * REFRESH).await >= 10);
    assert_eq!(fixture.store.records(&query).await.expect("a result"), records);
    assert_eq!((fixture.stored(&alice).await, fixture.stored(&bob).await), (hers, his));
    let listed = fixture.store.accounts(None, 10).await.expect("a result");
    assert_eq!(listed.len(), 2);
    fixture.login_at(&alice, 6, 100 * REFRESH).await;
}

pub(super) async fn ids_are_never_reused(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (mut sessions, mut families) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..5 {
        let second = i64::from(round) * 2 * REFRESH;
        for token in 1..=3 {
            let session = fixture.login_at(&alice, round * 10 + token, second).await;
            assert!(sessions.insert(session.id), "session id {} is reused", session.id);
            assert!(families.insert(session.family), "family id {} is reused", session.family);
        }
        assert!(fixture.purge(second + REFRESH + KEPT).await >= 6);
        assert!(fixture.active(alice.id, second).await.is_empty());
    }
    assert!(sessions.iter().is_sorted());
}

pub(super) async fn keeps_unlimited_sessions(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let last = crate::time::add(time(0), Duration::MAX);
    let new = NewSession {
        expires_at: last,
        refresh_expires_at: last,
        refresh_token: refresh_token(7),
        ..new_session(&alice, 1, 0)
    };
    let session = fixture.open(new, &alice, &at(0)).await.session;
    let unlimited = Retention::default().with_sessions(Duration::MAX);
    for retention in [retention(), unlimited] {
        fixture.purge_batch(1000 * REFRESH, &retention, 100).await;
    }
    assert_eq!(fixture.session(&session).await, session);
    fixture.refresh(&alice, 7, 8, 1000 * REFRESH).await;
}
