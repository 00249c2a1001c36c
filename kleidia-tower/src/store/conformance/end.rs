//! Ending sessions, after which their refresh tokens are invalid.

use std::panic::Location;
use std::sync::Arc;

use super::concurrent::concurrently;
use super::expected::{all_ended, compare, expired_sessions, success};
use super::fixture::{
    REFRESH, SESSION, StoreFixture, at, by, new_session, time, unknown_session, unknown_user,
};
use super::refresh::rotation;
use crate::SessionId;
use crate::account::Account;
use crate::audit::EventKind;
use crate::session::{
    EndReason, NewSession, OpenOutcome, SessionEnd, SessionLookup, SessionSelector,
};
use crate::store::{ChangeContext, Committed};

impl StoreFixture {
    /// Ends sessions, and checks that exactly these were active.
    #[track_caller]
    pub(super) fn end(
        &self,
        user: &Account,
        which: SessionSelector,
        reason: EndReason,
        sessions: &[SessionId],
        change: &ChangeContext,
    ) -> impl Future<Output = Vec<SessionId>> + Send {
        self.end_expired(user, which, reason, sessions, 0, change)
    }

    /// Ends sessions, and checks that exactly these were active, and how many expired ones a refresh
    /// token could have reopened.
    #[track_caller]
    pub(super) fn end_expired(
        &self,
        user: &Account,
        which: SessionSelector,
        reason: EndReason,
        sessions: &[SessionId],
        expired: usize,
        change: &ChangeContext,
    ) -> impl Future<Output = Vec<SessionId>> + Send {
        let here = Location::caller();
        async move {
            let done = self.store.end_sessions(which, reason, change).await.expect("a result");
            let mut events = all_ended(sessions, reason);
            if expired > 0 {
                events.push(expired_sessions(expired, reason));
            }
            if reason == EndReason::Logout {
                let logout = |id: &SessionId| success(EventKind::Logout).with_session(*id);
                events.extend(sessions.iter().map(logout));
            }
            let mut ended = self.expect_at(here, done, change, Some(user), &events).await;
            ended.sort_unstable();
            assert_eq!(ended, sessions, "{here}: ended sessions");
            ended
        }
    }
}

pub(super) async fn ends_one_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (session, other) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    let one = SessionSelector::One { user: alice.id, session: session.id };
    fixture.end(&alice, one, EndReason::Logout, &[session.id], &at(5)).await;

    let ended = fixture.session(&session).await;
    assert_eq!(ended.end, Some(SessionEnd { at: time(5), reason: EndReason::Logout }));
    assert!(!ended.is_active(time(5)));
    assert_eq!(fixture.active(alice.id, 5).await, [other.id]);
    fixture.assert_invalid(&alice, &[1], 5).await;
    assert_eq!(fixture.session(&other).await, other);
    fixture.refresh(&alice, 2, 3, 5).await;

    fixture.end(&alice, one, EndReason::Logout, &[], &at(6)).await;
    fixture.end(&alice, one, EndReason::RevokedByAdmin, &[], &at(7)).await;
    assert_eq!(fixture.session(&session).await, ended, "a session ends once");
}

pub(super) async fn keeps_sessions_of_other_users(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (hers, his) = (fixture.login(&alice, 1).await, fixture.login(&bob, 2).await);
    for (user, session) in [
        (&alice, his.id),
        (&bob, hers.id),
        (&alice, unknown_session(&his)),
        (&alice, SessionId::new(-1)),
        (&alice, SessionId::new(0)),
    ] {
        let one = SessionSelector::One { user: user.id, session };
        fixture.end(user, one, EndReason::Revoked, &[], &at(1)).await;
    }
    let unknown = unknown_user(&bob);
    for which in [
        SessionSelector::All { user: unknown },
        SessionSelector::One { user: unknown, session: hers.id },
    ] {
        fixture.end(&alice, which, EndReason::Revoked, &[], &at(1)).await;
    }
    assert_eq!((fixture.session(&hers).await, fixture.session(&his).await), (hers, his));
    fixture.refresh(&alice, 1, 3, 1).await;
    fixture.refresh(&bob, 2, 4, 1).await;
}

pub(super) async fn ends_all_sessions(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let kept = fixture.login(&root, 100).await;
    let mut sessions = Vec::new();
    for token in 1..=5 {
        sessions.push(fixture.login(&alice, token).await);
    }
    let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
    let all = SessionSelector::All { user: alice.id };
    fixture.end(&alice, all, EndReason::RevokedByAdmin, &ids, &by(&root, &at(9))).await;
    assert!(fixture.active(alice.id, 9).await.is_empty());
    for (session, token) in sessions.iter().zip(1..) {
        let end = fixture.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(9), reason: EndReason::RevokedByAdmin }));
        fixture.assert_invalid(&alice, &[token], 9).await;
    }
    fixture.end(&alice, all, EndReason::RevokedByAdmin, &[], &by(&root, &at(10))).await;
    assert_eq!(fixture.session(&kept).await, kept);
    fixture.refresh(&root, 100, 101, 10).await;

    let next = fixture.login_at(&alice, 6, 11).await;
    assert_eq!(fixture.active(alice.id, 11).await, [next.id], "a login opens a new session");
    fixture.refresh(&alice, 6, 7, 12).await;
}

pub(super) async fn ends_sessions_of_several_users(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let bob = fixture.account("bob").await;
    let kept = fixture.login(&root, 100).await;
    let of_alice = [fixture.login(&alice, 1).await, fixture.login(&alice, 2).await];
    let of_bob = fixture.login(&bob, 10).await;
    fixture.issue(&alice, 1, 0).await;
    fixture.issue(&root, 2, 0).await;
    let users = [bob.id, unknown_user(&bob), alice.id];
    let (reason, change) = (EndReason::RevokedByAdmin, at(9));
    let done = fixture.store.end_sessions_of_users(&users, reason, &change).await;
    let Committed { value: mut ended, records } = done.expect("a result");
    ended.sort_unstable();
    assert_eq!(ended, [of_alice[0].id, of_alice[1].id, of_bob.id]);
    assert_eq!(records, fixture.new_records().await, "returned records, and those in the log");
    for (user, sessions) in [(&alice, &ended[..2]), (&bob, &ended[2..])] {
        let recorded = records
            .iter()
            .filter(|record| record.user.as_ref().and_then(|found| found.id) == Some(user.id));
        let recorded: Vec<_> = recorded.cloned().collect();
        let compared = compare(&recorded, &all_ended(sessions, reason), Some(user), &change);
        compared.unwrap_or_else(|difference| panic!("{difference}"));
        assert!(fixture.active(user.id, 9).await.is_empty());
    }
    fixture.assert_invalid(&alice, &[1, 2], 9).await;
    fixture.assert_invalid(&bob, &[10], 9).await;
    assert_eq!(fixture.session(&kept).await, kept);
    let codes = [fixture.has_code(1).await, fixture.has_code(2).await];
    assert_eq!(codes, [false, true], "one-time codes of these users end too");
    let again = fixture.store.end_sessions_of_users(&users, reason, &change).await;
    assert!(again.expect("a result").value.is_empty());
}

pub(super) async fn stores_each_end_reason(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let reasons = [
        EndReason::SessionLimit,
        EndReason::Logout,
        EndReason::Revoked,
        EndReason::RevokedByAdmin,
        EndReason::Disabled,
        EndReason::PasswordChanged,
        EndReason::RefreshTokenReuse,
    ];
    for (token, reason) in (1..).zip(reasons) {
        let session = fixture.login(&alice, token).await;
        let one = SessionSelector::One { user: alice.id, session: session.id };
        fixture.end(&alice, one, reason, &[session.id], &at(1)).await;
        let end = fixture.session(&session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(1), reason }));
    }
}

pub(super) async fn ended_family_is_not_refreshed(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let expired = fixture.login(&alice, 1).await;
    let other = fixture.login_at(&alice, 10, 60).await;
    let one = SessionSelector::One { user: alice.id, session: expired.id };
    // The session has expired, so this only revokes its family.
    fixture.end_expired(&alice, one, EndReason::Revoked, &[], 1, &at(SESSION)).await;
    fixture.assert_invalid(&alice, &[1], SESSION).await;
    assert_eq!(fixture.active(alice.id, SESSION).await, [other.id]);
    fixture.end(&alice, one, EndReason::Revoked, &[], &at(SESSION)).await;

    fixture.login_at(&alice, 20, 30).await;
    fixture.refresh(&alice, 20, 21, 31).await;
    let all = SessionSelector::All { user: alice.id };
    fixture.end_expired(&alice, all, EndReason::Logout, &[], 2, &at(2 * SESSION)).await;
    fixture.assert_invalid(&alice, &[10, 20, 21], 2 * SESSION).await;
    // Ending a session also revokes a family with two sessions.
    let first = fixture.login_at(&alice, 30, 3 * SESSION).await;
    let second = rotation(30, 31, 4 * SESSION);
    let second = fixture.refresh_expired(&alice, second, &at(4 * SESSION)).await;
    assert_eq!(first.family, second.family);
    let one = SessionSelector::One { user: alice.id, session: second.id };
    fixture.end(&alice, one, EndReason::Logout, &[second.id], &at(4 * SESSION)).await;
    fixture.assert_invalid(&alice, &[31], 4 * SESSION).await;
    assert!(fixture.active(alice.id, 4 * SESSION).await.is_empty());
}

pub(super) async fn ends_the_session_that_replaced_an_expired_one(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let expired = fixture.login(&alice, 1).await;
    let current = rotation(1, 2, SESSION);
    let current = fixture.refresh_expired(&alice, current, &at(SESSION)).await;
    let one = SessionSelector::One { user: alice.id, session: expired.id };
    fixture.end(&alice, one, EndReason::Logout, &[current.id], &at(SESSION)).await;
    fixture.assert_invalid(&alice, &[2], SESSION).await;
}

pub(super) async fn records_revoked_tokens_of_expired_sessions(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for token in [1, 2, 3] {
        fixture.login(&alice, token).await;
    }
    let active = fixture.login_at(&alice, 4, SESSION).await;
    let all = SessionSelector::All { user: alice.id };
    let ended = [active.id];
    fixture.end_expired(&alice, all, EndReason::RevokedByAdmin, &ended, 3, &at(SESSION)).await;

    // Refresh tokens that have expired could not reopen a session.
    fixture.login(&alice, 5).await;
    fixture.end(&alice, all, EndReason::Logout, &[], &at(REFRESH)).await;
}

pub(super) async fn concurrent_ends_end_a_session_once(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    let ended = concurrently(50, |task| {
        let store = Arc::clone(&fixture.store);
        let (user, session) = (alice.id, session.id);
        let which = if task % 2 == 0 {
            SessionSelector::All { user }
        } else {
            SessionSelector::One { user, session }
        };
        async move {
            store.end_sessions(which, EndReason::Revoked, &at(1)).await.expect("a result").value
        }
    });
    let ended: Vec<_> = ended.await.into_iter().flatten().collect();
    assert_eq!(ended, [session.id]);
    let records = fixture.new_records().await;
    assert_eq!(records.len(), 1, "{records:?}");
    let view = fixture.store.session(SessionLookup::Id(session.id)).await.expect("a result");
    assert!(view.is_some_and(|view| view.session.end.is_some()), "an ended session is kept");
}

pub(super) async fn further_login_ends_the_oldest_session(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let his = fixture.login(&bob, 100).await;
    let mut sessions = Vec::new();
    for token in 1..=3 {
        sessions.push(fixture.login(&alice, token).await);
    }
    // The first one is refreshed, so that the second one is the oldest; the third one has ended.
    fixture.refresh(&alice, 1, 11, 1).await;
    let one = SessionSelector::One { user: alice.id, session: sessions[2].id };
    fixture.end(&alice, one, EndReason::Logout, &[sessions[2].id], &at(1)).await;
    for (token, ends) in [(4, None), (5, Some((sessions[1].id, 2)))] {
        let new = NewSession { max_sessions: 3, ..new_session(&alice, token, 2) };
        let opened = fixture.store.open_session(new, &at(2)).await.expect("a result");
        let OpenOutcome::Opened { session, displaced, .. } = opened.value.clone() else {
            panic!("{:?}", opened.value)
        };
        assert_eq!(displaced, ends.map(|(id, _)| id).into_iter().collect::<Vec<_>>());
        let mut events = [EventKind::LoginSuccess, EventKind::SessionCreated]
            .map(|kind| success(kind).with_session(session.session.id))
            .to_vec();
        events.extend(all_ended(&displaced, EndReason::SessionLimit));
        fixture.expect(Ok(opened), &at(2), &alice, &events).await;
        sessions.push(session.session);
        if let Some((_, token)) = ends {
            fixture.assert_invalid(&alice, &[token], 3).await;
        }
    }
    let active = [sessions[4].id, sessions[3].id, sessions[0].id];
    assert_eq!(fixture.active(alice.id, 3).await, active);
    assert_eq!(fixture.session(&his).await, his);
    // An expired session that can be reopened counts too.
    let new = NewSession { max_sessions: 1, ..new_session(&alice, 6, SESSION + 10) };
    let change = at(SESSION + 10);
    let opened = fixture.store.open_session(new, &change).await.expect("a result");
    let OpenOutcome::Opened { session, displaced, .. } = opened.value.clone() else {
        panic!("{:?}", opened.value)
    };
    assert!(displaced.is_empty(), "displaced {displaced:?}");
    let mut events = [EventKind::LoginSuccess, EventKind::SessionCreated]
        .map(|kind| success(kind).with_session(session.session.id))
        .to_vec();
    events.push(expired_sessions(3, EndReason::SessionLimit));
    fixture.expect(Ok(opened), &change, &alice, &events).await;
    fixture.assert_invalid(&alice, &[11, 4, 5], SESSION + 10).await;
    assert_eq!(fixture.active(alice.id, SESSION + 10).await, [session.session.id]);
}

pub(super) async fn lowered_maximum_is_reached_in_batches(fixture: &StoreFixture) {
    const SESSIONS: u32 = 150;
    let alice = fixture.account("alice").await;
    for token in 0..SESSIONS {
        fixture.login(&alice, token).await;
    }
    let (mut oldest, mut left) = (fixture.active(alice.id, 2).await, SESSIONS as usize);
    oldest.reverse();
    for token in SESSIONS..SESSIONS + 2 {
        let new = NewSession { max_sessions: 3, ..new_session(&alice, token, 2) };
        let opened = fixture.store.open_session(new, &at(2)).await.expect("a result").value;
        let OpenOutcome::Opened { displaced, .. } = opened else { panic!("{opened:?}") };
        assert!(displaced.len() <= 100, "{} sessions in one transaction", displaced.len());
        left = left + 1 - displaced.len();
        assert!(oldest.starts_with(&displaced), "the oldest ones end first");
        oldest.drain(..displaced.len());
    }
    fixture.new_records().await;
    assert_eq!((left, fixture.active(alice.id, 2).await.len()), (3, 3));
}
