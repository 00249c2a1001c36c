//! Disabling an account ends its sessions immediately. After enabling, a new login is required.

use super::expected::{all_ended, expired_sessions, success};
use super::fixture::{SESSION, StoreFixture, at, by, hash, operator, roles, time};
use super::refresh::rotation;
use crate::SessionId;
use crate::account::{Account, AccountUpdate, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::rbac::RoleName;
use crate::session::{EndReason, SessionEnd};
use crate::store::ChangeContext;

impl StoreFixture {
    pub(super) async fn disable_account(
        &self,
        account: &Account,
        ends: &[SessionId],
        change: &ChangeContext,
    ) {
        let done = self.set_disabled(account, true, change).await;
        let mut events = all_ended(ends, EndReason::Disabled);
        events.push(success(EventKind::UserDisabled));
        let changed = self.expect(done, change, account, &events).await;
        let expected = Account { is_disabled: true, ..account.clone() };
        assert_eq!(changed.as_deref(), Ok(&expected));
        assert_eq!(*self.stored(account).await.0, expected);
    }

    pub(super) async fn enable_account(&self, account: &Account, change: &ChangeContext) {
        let done = self.set_disabled(account, false, change).await;
        let event = success(EventKind::UserEnabled);
        let changed = self.expect(done, change, account, &[event]).await;
        assert_eq!(changed.as_deref(), Ok(account));
        assert_eq!(*self.stored(account).await.0, *account);
    }
}

pub(super) async fn rejects_disabled_user(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let kept = fixture.login(&root, 100).await;
    let (first, second) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    fixture.refresh(&alice, 2, 3, 1).await;
    let change = by(&root, &at(5));
    fixture.disable_account(&alice, &[first.id, second.id], &change).await;

    assert!(fixture.active(alice.id, 5).await.is_empty());
    for session in [&first, &second] {
        let end = fixture.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(5), reason: EndReason::Disabled }));
    }
    for (token, session) in [(1, first.id), (3, second.id)] {
        fixture.assert_account_disabled(&alice, token, session, 6).await;
    }
    let done = fixture.set_disabled(&alice, true, &at(7)).await;
    let repeated = fixture.expect(done, &at(7), &alice, &[]).await;
    assert!(repeated.is_ok_and(|account| account.is_disabled));
    assert_eq!(fixture.session(&kept).await, kept);
    fixture.refresh(&root, 100, 101, 6).await;
}

pub(super) async fn enabling_requires_new_login(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 1).await;
    fixture.disable_account(&alice, &[session.id], &at(2)).await;
    fixture.enable_account(&alice, &at(3)).await;
    assert!(fixture.active(alice.id, 3).await.is_empty(), "ended sessions stay ended");
    fixture.assert_invalid(&alice, &[1, 2], 3).await;
    let (_, password) = fixture.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(1), previous: vec![] });
    let next = fixture.login_at(&alice, 5, 4).await;
    assert_eq!(fixture.active(alice.id, 4).await, [next.id]);
    fixture.refresh(&alice, 5, 6, 5).await;
}

pub(super) async fn disabling_revokes_expired_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let first = fixture.login(&alice, 1).await;
    let replacing = fixture.refresh_expired(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    assert_eq!(first.family, replacing.family);
    fixture.login_at(&alice, 10, SESSION + 5).await;
    // Both sessions have expired, so disabling only revokes their families.
    let done = fixture.set_disabled(&alice, true, &at(3 * SESSION)).await;
    let events = [success(EventKind::UserDisabled), expired_sessions(2, EndReason::Disabled)];
    fixture.expect(done, &at(3 * SESSION), &alice, &events).await.expect("the account");
    fixture.enable_account(&alice, &at(3 * SESSION)).await;
    fixture.assert_invalid(&alice, &[1, 2, 10], 3 * SESSION).await;
}

pub(super) async fn changes_status_and_roles_together(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    let update = AccountUpdate {
        is_disabled: Some(true),
        roles: Some(roles(&[RoleName::user(), RoleName::admin()])),
    };
    let done = fixture.store.update_account(alice.id, update.clone(), &operator(), &at(1)).await;
    let to = vec![RoleName::admin(), RoleName::user()];
    let mut events = all_ended(&[session.id], EndReason::Disabled);
    events.push(success(EventKind::UserDisabled));
    let from = vec![RoleName::user()];
    events.push(success(EventKind::RoleChanged).with_reason(Reason::Roles { from, to }));
    let changed = fixture.expect(done, &at(1), &alice, &events).await.expect("the account");
    assert!(changed.is_disabled && changed.is_admin(), "{changed:?}");
    assert_eq!(fixture.stored(&alice).await.0, changed);

    let update = AccountUpdate { is_disabled: Some(false), ..update };
    let done = fixture.store.update_account(alice.id, update, &operator(), &at(2)).await;
    let event = success(EventKind::UserEnabled);
    let changed = fixture.expect(done, &at(2), &alice, &[event]).await.expect("the account");
    assert!(!changed.is_disabled && changed.is_admin(), "the roles are unchanged: {changed:?}");
}
