//! Who is disabled is out at once, and comes back by a login alone.

use super::expected::{all_ended, success};
use super::refresh::rotation;
use super::scene::{SESSION, Scene, at, by, hash, roles, time};
use crate::SessionId;
use crate::account::{Account, AccountUpdate, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::rbac::RoleName;
use crate::session::{EndReason, SessionEnd};
use crate::store::Change;

impl Scene {
    async fn disables(&self, account: &Account, ends: &[SessionId], change: &Change) {
        let done = self.disable(account, true, change).await;
        let mut events = all_ended(ends, EndReason::Disabled);
        events.push(success(EventKind::UserDisabled));
        let changed = self.expect(done, change, account, &events).await;
        let expected = Account { is_disabled: true, ..account.clone() };
        assert_eq!(changed.as_deref(), Some(&expected));
        assert_eq!(*self.stored(account).await.0, expected);
    }

    async fn enables(&self, account: &Account, change: &Change) {
        let done = self.disable(account, false, change).await;
        let event = success(EventKind::UserEnabled);
        let changed = self.expect(done, change, account, &[event]).await;
        assert_eq!(changed.as_deref(), Some(account));
        assert_eq!(*self.stored(account).await.0, *account);
    }
}

pub(super) async fn who_is_disabled_is_out(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let kept = scene.login(&root, 100).await;
    let (first, second) = (scene.login(&alice, 1).await, scene.login(&alice, 2).await);
    scene.refreshes(&alice, 2, 3, 1).await;
    let change = by(&root, &at(5));
    scene.disables(&alice, &[first.id, second.id], &change).await;

    assert!(scene.active(alice.id, 5).await.is_empty());
    for session in [&first, &second] {
        let end = scene.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(5), reason: EndReason::Disabled }));
    }
    for (token, session) in [(1, first.id), (3, second.id)] {
        scene.is_of_the_disabled(&alice, token, session, 6).await;
    }
    let done = scene.disable(&alice, true, &at(7)).await;
    scene.expect(done, &at(7), &alice, &[]).await;
    assert_eq!(scene.session(&kept).await, kept);
    scene.refreshes(&root, 100, 101, 6).await;
}

pub(super) async fn who_is_enabled_starts_anew(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 1).await;
    scene.disables(&alice, &[session.id], &at(2)).await;
    scene.enables(&alice, &at(3)).await;
    assert!(scene.active(alice.id, 3).await.is_empty(), "what has ended stays so");
    for token in [1, 2] {
        scene.is_invalid(&alice, token, 3).await;
    }
    let (_, password) = scene.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(1), previous: vec![] });
    let anew = scene.login_at(&alice, 5, 4).await;
    assert_eq!(scene.active(alice.id, 4).await, [anew.id]);
    scene.refreshes(&alice, 5, 6, 5).await;
}

pub(super) async fn a_lapsed_session_is_disabled_too(scene: &Scene) {
    let alice = scene.account("alice").await;
    let first = scene.login(&alice, 1).await;
    let followed = scene.reopens(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    assert_eq!(first.family, followed.family);
    scene.login_at(&alice, 10, SESSION + 5).await;
    // Both are over by then, so none ends; but nothing refreshes them.
    scene.disables(&alice, &[], &at(3 * SESSION)).await;
    scene.enables(&alice, &at(3 * SESSION)).await;
    for token in [1, 2, 10] {
        scene.is_invalid(&alice, token, 3 * SESSION).await;
    }
}

pub(super) async fn both_changes_are_one(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    let update = AccountUpdate {
        is_disabled: Some(true),
        roles: Some(roles(&[RoleName::user(), RoleName::admin()])),
    };
    let done = scene.store.update_account(alice.id, update.clone(), &at(1)).await;
    let to = vec![RoleName::admin(), RoleName::user()];
    let mut events = all_ended(&[session.id], EndReason::Disabled);
    events.push(success(EventKind::UserDisabled));
    let from = vec![RoleName::user()];
    events.push(success(EventKind::RoleChanged).because(Reason::Roles { from, to }));
    let changed = scene.expect(done, &at(1), &alice, &events).await.expect("the account");
    assert!(changed.is_disabled && changed.is_admin(), "{changed:?}");
    assert_eq!(scene.stored(&alice).await.0, changed);

    let update = AccountUpdate { is_disabled: Some(false), ..update };
    let done = scene.store.update_account(alice.id, update, &at(2)).await;
    let event = success(EventKind::UserEnabled);
    let changed = scene.expect(done, &at(2), &alice, &[event]).await.expect("the account");
    assert!(!changed.is_disabled && changed.is_admin(), "the roles were these: {changed:?}");
}
