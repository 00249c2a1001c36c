//! Password changes, which end sessions and revoke token families.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::expected::{all_ended, expired_sessions, success};
use super::fixture::{REFRESH, SESSION, StoreFixture, at, by, hash, new_session, time};
use crate::account::{Account, PasswordChange, StoredPassword};
use crate::audit::EventKind;
use crate::session::{EndReason, NewSession, Session, SessionEnd};
use crate::store::ChangeContext;
use crate::{SessionId, UserId};

fn change_of(user: &Account, from: u32, to: u32) -> PasswordChange {
    let (expected_hash, new) = (hash(from), hash(to));
    PasswordChange { user: user.id, expected_hash, new, history: 5, kept_session: None }
}

impl StoreFixture {
    /// Replaces a password, and checks that it ends these sessions.
    async fn replace_password(
        &self,
        user: &Account,
        new: PasswordChange,
        ends: &[SessionId],
        change: &ChangeContext,
    ) {
        let done = self.store.change_password(new, change).await;
        let mut events = all_ended(ends, EndReason::PasswordChanged);
        events.push(success(EventKind::PasswordChanged));
        assert!(self.expect(done, change, user, &events).await, "the password is replaced");
    }

    async fn assert_not_replaced(&self, user: &Account, new: PasswordChange) {
        let done = self.store.change_password(new, &at(1)).await;
        assert!(!self.expect(done, &at(1), user, &[]).await, "the password is not replaced");
    }
}

pub(super) async fn replaces_password(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let (first, second) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    for wrong in [
        change_of(&alice, 2, 3),
        PasswordChange { user: UserId::new(0), ..change_of(&alice, 1, 3) },
    ] {
        fixture.assert_not_replaced(&alice, wrong).await;
    }
    let unchanged = StoredPassword { current: hash(1), previous: vec![] };
    assert_eq!(fixture.stored(&alice).await, (Arc::clone(&alice), unchanged.clone()));
    assert_eq!(fixture.active(alice.id, 1).await, [second.id, first.id]);

    let change = by(&root, &at(9));
    fixture
        .replace_password(&alice, change_of(&alice, 1, 2), &[first.id, second.id], &change)
        .await;
    let expected = Account { password_changed_at: time(9), ..(*alice).clone() };
    let password = StoredPassword { current: hash(2), previous: vec![hash(1)] };
    assert_eq!(fixture.stored(&alice).await, (Arc::new(expected), password));
    assert_eq!(fixture.stored(&root).await, (root, unchanged), "other users keep their passwords");
    for (session, token) in [(&first, 1), (&second, 2)] {
        let end = fixture.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(9), reason: EndReason::PasswordChanged }));
        fixture.assert_invalid(&alice, &[token], 9).await;
    }
    let new = NewSession { expected_hash: hash(2), ..new_session(&alice, 3, 10) };
    let view = fixture.open(new, &alice, &at(10)).await;
    assert_eq!(fixture.active(alice.id, 10).await, [view.session.id]);
    fixture.refresh(&alice, 3, 4, 11).await;
}

pub(super) async fn kept_session_loses_its_token_family(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (kept, other) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    fixture.refresh(&alice, 1, 3, 1).await;
    let before = fixture.session(&kept).await;
    let new = PasswordChange { kept_session: Some(kept.id), ..change_of(&alice, 1, 2) };
    fixture.replace_password(&alice, new, &[other.id], &at(2)).await;
    assert_eq!(fixture.session(&kept).await, before);
    assert_eq!(fixture.active(alice.id, 2).await, [kept.id]);
    for second in [2, 20, SESSION + 1] {
        fixture.assert_invalid(&alice, &[1, 2, 3], second).await;
    }
    let end = Session { end: None, ..(*fixture.session(&kept).await).clone() };
    assert_eq!(end, *before, "a token of a revoked family ends no session");
}

pub(super) async fn password_change_keeps_other_users(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (hers, his) = (fixture.login(&alice, 1).await, fixture.login(&bob, 2).await);
    let new = PasswordChange { kept_session: Some(his.id), ..change_of(&alice, 1, 2) };
    fixture.replace_password(&alice, new, &[hers.id], &at(1)).await;
    assert_eq!(fixture.session(&his).await, his);
    fixture.refresh(&bob, 2, 3, 1).await;
}

pub(super) async fn bounds_password_history(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for (from, history, previous) in [
        (1, 3, vec![1]),
        (2, 3, vec![2, 1]),
        (3, 3, vec![3, 2, 1]),
        (4, 3, vec![4, 3, 2]),
        (5, 1, vec![5]),
        (6, 0, vec![]),
        (7, usize::MAX, vec![7]),
    ] {
        let new = PasswordChange { history, ..change_of(&alice, from, from + 1) };
        fixture.replace_password(&alice, new, &[], &at(1)).await;
        let (_, password) = fixture.stored(&alice).await;
        let previous = previous.into_iter().map(hash).collect();
        assert_eq!(password, StoredPassword { current: hash(from + 1), previous });
    }
    let new =
        NewSession { expected_hash: hash(8), rehashed: Some(hash(9)), ..new_session(&alice, 1, 2) };
    fixture.open(new, &alice, &at(2)).await;
    let (_, password) = fixture.stored(&alice).await;
    let expected = StoredPassword { current: hash(9), previous: vec![hash(7)] };
    assert_eq!(password, expected, "rehashing does not add to the history");
}

pub(super) async fn password_change_revokes_expired_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.login(&alice, 1).await;
    let second = REFRESH / 2;
    let done = fixture.store.change_password(change_of(&alice, 1, 2), &at(second)).await;
    let events =
        [success(EventKind::PasswordChanged), expired_sessions(1, EndReason::PasswordChanged)];
    assert!(fixture.expect(done, &at(second), &alice, &events).await, "the password is replaced");
    fixture.assert_invalid(&alice, &[1], second).await;
    assert!(fixture.active(alice.id, second).await.is_empty());
}

pub(super) async fn concurrent_changes_replace_a_password_once(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    let replaced = concurrently(100, |task| {
        let store = Arc::clone(&fixture.store);
        let to = 2 + task;
        let new = change_of(&alice, 1, to);
        async move { (to, store.change_password(new, &at(1)).await.expect("a result").value) }
    });
    let replaced: Vec<_> = replaced.await.into_iter().filter(|(_, replaced)| *replaced).collect();
    let [(winner, _)] = replaced[..] else { panic!("{replaced:?}") };
    let (_, password) = fixture.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(winner), previous: vec![hash(1)] });
    let expected = [EventKind::SessionEnded, EventKind::PasswordChanged];
    assert_eq!(fixture.new_kinds().await, expected);
    let end = fixture.session(&session).await.end.map(|end| end.reason);
    assert_eq!(end, Some(EndReason::PasswordChanged));
}
