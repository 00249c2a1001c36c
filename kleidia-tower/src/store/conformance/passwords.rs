//! Passwords are replaced, and end what was opened by the one before.

use std::sync::Arc;

use super::expected::{all_ended, success};
use super::many::at_once;
use super::scene::{REFRESH, SESSION, Scene, at, by, hash, new_session, time};
use crate::account::{Account, PasswordChange, StoredPassword};
use crate::audit::EventKind;
use crate::session::{EndReason, NewSession, Session, SessionEnd};
use crate::store::Change;
use crate::{SessionId, UserId};

fn change_of(user: &Account, from: u32, to: u32) -> PasswordChange {
    let (expected_hash, new) = (hash(from), hash(to));
    PasswordChange { user: user.id, expected_hash, new, history: 5, kept_session: None }
}

impl Scene {
    /// Replaces a password, which ends these sessions.
    async fn replaces(
        &self,
        user: &Account,
        new: PasswordChange,
        ends: &[SessionId],
        change: &Change,
    ) {
        let done = self.store.change_password(new, change).await;
        let mut events = all_ended(ends, EndReason::PasswordChanged);
        events.push(success(EventKind::PasswordChanged));
        assert!(self.expect(done, change, user, &events).await, "it is replaced");
    }

    async fn replaces_nothing(&self, user: &Account, new: PasswordChange) {
        let done = self.store.change_password(new, &at(1)).await;
        assert!(!self.expect(done, &at(1), user, &[]).await, "nothing is replaced");
    }
}

pub(super) async fn a_password_is_replaced(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let (first, second) = (scene.login(&alice, 1).await, scene.login(&alice, 2).await);
    for wrong in [
        change_of(&alice, 2, 3),
        PasswordChange { user: UserId::new(0), ..change_of(&alice, 1, 3) },
    ] {
        scene.replaces_nothing(&alice, wrong).await;
    }
    let unchanged = StoredPassword { current: hash(1), previous: vec![] };
    assert_eq!(scene.stored(&alice).await, (Arc::clone(&alice), unchanged.clone()));
    assert_eq!(scene.active(alice.id, 1).await, [second.id, first.id]);

    let change = by(&root, &at(9));
    scene.replaces(&alice, change_of(&alice, 1, 2), &[first.id, second.id], &change).await;
    let expected = Account { password_changed_at: time(9), ..(*alice).clone() };
    let password = StoredPassword { current: hash(2), previous: vec![hash(1)] };
    assert_eq!(scene.stored(&alice).await, (Arc::new(expected), password));
    assert_eq!(scene.stored(&root).await, (root, unchanged), "others keep theirs");
    for (session, token) in [(&first, 1), (&second, 2)] {
        let end = scene.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(9), reason: EndReason::PasswordChanged }));
        scene.is_invalid(&alice, token, 9).await;
    }
    let new = NewSession { expected_hash: hash(2), ..new_session(&alice, 3, 10) };
    let view = scene.open(new, &alice, &at(10)).await;
    assert_eq!(scene.active(alice.id, 10).await, [view.session.id]);
    scene.refreshes(&alice, 3, 4, 11).await;
}

pub(super) async fn the_kept_session_goes_on_without_its_family(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (kept, other) = (scene.login(&alice, 1).await, scene.login(&alice, 2).await);
    scene.refreshes(&alice, 1, 3, 1).await;
    let before = scene.session(&kept).await;
    let new = PasswordChange { kept_session: Some(kept.id), ..change_of(&alice, 1, 2) };
    scene.replaces(&alice, new, &[other.id], &at(2)).await;
    assert_eq!(scene.session(&kept).await, before);
    assert_eq!(scene.active(alice.id, 2).await, [kept.id]);
    for token in [1, 2, 3] {
        for second in [2, 20, SESSION + 1] {
            scene.is_invalid(&alice, token, second).await;
        }
    }
    let end = Session { end: None, ..(*scene.session(&kept).await).clone() };
    assert_eq!(end, *before, "a token of a revoked family ends nothing");
}

pub(super) async fn sessions_of_others_go_on(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let (hers, his) = (scene.login(&alice, 1).await, scene.login(&bob, 2).await);
    let new = PasswordChange { kept_session: Some(his.id), ..change_of(&alice, 1, 2) };
    scene.replaces(&alice, new, &[hers.id], &at(1)).await;
    assert_eq!(scene.session(&his).await, his);
    scene.refreshes(&bob, 2, 3, 1).await;
}

pub(super) async fn the_history_is_bounded(scene: &Scene) {
    let alice = scene.account("alice").await;
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
        scene.replaces(&alice, new, &[], &at(1)).await;
        let (_, password) = scene.stored(&alice).await;
        let previous = previous.into_iter().map(hash).collect();
        assert_eq!(password, StoredPassword { current: hash(from + 1), previous });
    }
    let new =
        NewSession { expected_hash: hash(8), rehashed: Some(hash(9)), ..new_session(&alice, 1, 2) };
    scene.open(new, &alice, &at(2)).await;
    let (_, password) = scene.stored(&alice).await;
    let expected = StoredPassword { current: hash(9), previous: vec![hash(7)] };
    assert_eq!(password, expected, "a rehashed password is no earlier one");
}

pub(super) async fn a_lapsed_session_is_not_refreshed_after_the_change(scene: &Scene) {
    let alice = scene.account("alice").await;
    scene.login(&alice, 1).await;
    let second = REFRESH / 2;
    scene.replaces(&alice, change_of(&alice, 1, 2), &[], &at(second)).await;
    scene.is_invalid(&alice, 1, second).await;
    assert!(scene.active(alice.id, second).await.is_empty());
}

pub(super) async fn one_of_many_replaces_a_password(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    let replaced = at_once(100, |task| {
        let store = Arc::clone(&scene.store);
        let to = 2 + u32::try_from(task).expect("a number");
        let new = change_of(&alice, 1, to);
        async move { (to, store.change_password(new, &at(1)).await.expect("an answer").value) }
    });
    let replaced: Vec<_> = replaced.await.into_iter().filter(|(_, replaced)| *replaced).collect();
    let [(winner, _)] = replaced[..] else { panic!("{replaced:?}") };
    let (_, password) = scene.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(winner), previous: vec![hash(1)] });
    let mut kinds: Vec<_> = scene.news().await.iter().map(|record| record.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [EventKind::SessionEnded, EventKind::PasswordChanged]);
    let end = scene.session(&session).await.end.map(|end| end.reason);
    assert_eq!(end, Some(EndReason::PasswordChanged));
}
