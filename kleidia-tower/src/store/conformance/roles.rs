//! The rules for roles, checked in the transaction of the change.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, assigned_by, at, by, new_account, operator, roles};
use crate::account::{Account, AccountChangeError, AccountUpdate, NewAccount};
use crate::audit::EventKind;
use crate::rbac::{Denial, RoleChangeError, RoleName, RoleRules};

const ROUNDS: u32 = 20;

fn set_roles(names: &[RoleName]) -> AccountUpdate {
    AccountUpdate { is_disabled: None, roles: Some(roles(names)) }
}

fn disable() -> AccountUpdate {
    AccountUpdate { is_disabled: Some(true), roles: None }
}

impl StoreFixture {
    /// Asserts that a change is rejected, changes nothing and records nothing.
    async fn reject_update(
        &self,
        user: &Account,
        update: AccountUpdate,
        rules: &RoleRules,
        expected: RoleChangeError,
    ) {
        let before = self.stored(user).await;
        let done = self.store.update_account(user.id, update, rules, &at(1)).await;
        let rejected = self.expect(done, &at(1), user, &[]).await;
        assert_eq!(rejected, Err(AccountChangeError::Roles(expected)));
        assert_eq!(self.stored(user).await, before);
    }

    async fn change(&self, user: &Account, update: AccountUpdate) {
        let done = self.store.update_account(user.id, update, &operator(), &at(1)).await;
        assert!(done.expect("a result").value.is_ok());
        self.new_records().await;
    }

    /// Returns how many enabled accounts have the role `admin`.
    async fn count_admins(&self) -> usize {
        let accounts = self.store.accounts(None, usize::MAX).await.expect("accounts");
        accounts.iter().filter(|account| account.is_admin() && !account.is_disabled).count()
    }
}

pub(super) async fn assigns_roles_of_the_policy_only(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let ghost: RoleName = "ghost".parse().expect("a role");
    let unknown = || RoleChangeError::UnknownRoles(roles(std::slice::from_ref(&ghost)));
    let update = set_roles(&[RoleName::user(), ghost.clone()]);
    fixture.reject_update(&alice, update, &operator(), unknown()).await;
    let new = NewAccount { roles: roles(std::slice::from_ref(&ghost)), ..new_account("bob") };
    let done = fixture.store.create_account(new, &operator(), &at(1)).await;
    let rejected = fixture.expect(done, &at(1), &alice, &[]).await;
    assert_eq!(rejected, Err(AccountChangeError::Roles(unknown())));
    assert_eq!(fixture.store.accounts(None, 10).await.expect("accounts").len(), 1);
}

pub(super) async fn current_roles_of_the_assigner_decide(fixture: &StoreFixture) {
    let (root, alice) = (fixture.admin("root").await, fixture.account("alice").await);
    let by_alice = assigned_by(&alice);
    let denied = || RoleChangeError::Denied(Denial::Permission(assign()));
    let update = set_roles(&[RoleName::admin()]);
    fixture.reject_update(&alice, update.clone(), &by_alice, denied()).await;
    let new = NewAccount { roles: root.roles.clone(), ..new_account("bob") };
    let done = fixture.store.create_account(new, &by_alice, &at(1)).await;
    let rejected = fixture.expect(done, &at(1), &alice, &[]).await;
    assert_eq!(rejected, Err(AccountChangeError::Roles(denied())));
    let change = by(&root, &at(1));
    let done = fixture.store.update_account(alice.id, update, &assigned_by(&root), &change).await;
    assert!(done.expect("a result").value.is_ok());
    fixture.new_records().await;
    // Now `alice` has what was assigned.
    let new = NewAccount { roles: root.roles.clone(), ..new_account("bob") };
    let done = fixture.store.create_account(new, &by_alice, &at(1)).await;
    assert!(done.expect("a result").value.is_ok());
    fixture.new_records().await;
}

pub(super) async fn keeps_an_enabled_admin(fixture: &StoreFixture) {
    let (root, alice) = (fixture.admin("root").await, fixture.account("alice").await);
    let both = AccountUpdate { is_disabled: Some(true), roles: Some(roles(&[RoleName::user()])) };
    for update in [disable(), set_roles(&[]), set_roles(&[RoleName::user()]), both] {
        for rules in [operator(), assigned_by(&root)] {
            let last = RoleChangeError::LastAdmin;
            fixture.reject_update(&root, update.clone(), &rules, last).await;
        }
    }
    // A disabled admin does not count, and one whose role has a similar name neither.
    fixture.change(&alice, set_roles(&[RoleName::admin()])).await;
    fixture.change(&alice, disable()).await;
    fixture.reject_update(&root, disable(), &operator(), RoleChangeError::LastAdmin).await;
    let enable = AccountUpdate { is_disabled: Some(false), roles: None };
    fixture.change(&alice, enable).await;
    fixture.change(&root, disable()).await;
    fixture.reject_update(&alice, disable(), &operator(), RoleChangeError::LastAdmin).await;
    // A disabled admin may lose the role.
    let done = fixture.store.update_account(root.id, set_roles(&[]), &operator(), &at(1)).await;
    assert!(done.expect("a result").value.is_ok());
    let kinds = fixture.new_kinds().await;
    assert_eq!(kinds, [EventKind::RoleChanged]);
}

/// A caller without `roles:assign` does not enable a disabled admin.
pub(super) async fn enabling_assigns_roles(fixture: &StoreFixture) {
    let (root, alice) = (fixture.admin("root").await, fixture.account("alice").await);
    let other = fixture.admin("other").await;
    fixture.change(&other, disable()).await;
    let enable = AccountUpdate { is_disabled: Some(false), roles: None };
    let denied = RoleChangeError::Denied(Denial::Permission(assign()));
    fixture.reject_update(&other, enable.clone(), &assigned_by(&alice), denied).await;
    let done = fixture.store.update_account(other.id, enable, &assigned_by(&root), &at(1)).await;
    assert!(done.expect("a result").value.is_ok());
    assert_eq!(fixture.new_kinds().await, [EventKind::UserEnabled]);
}

/// Each of several admins is disabled or demoted by another one, all at once.
pub(super) async fn concurrent_changes_keep_an_enabled_admin(fixture: &StoreFixture) {
    const ADMINS: u32 = 4;
    let mut admins = Vec::new();
    for number in 0..ADMINS {
        admins.push(fixture.admin(&format!("admin{number}")).await);
    }
    for round in 0..ROUNDS {
        let changed = concurrently(ADMINS, |task| {
            let number = |task: u32| usize::try_from(task % ADMINS).expect("a number");
            let (user, actor) = (&admins[number(task)], &admins[number(task + 1)]);
            let (store, id) = (Arc::clone(&fixture.store), user.id);
            let (rules, change) = (assigned_by(actor), by(actor, &at(1)));
            let update = if (round + task) % 2 == 0 { disable() } else { set_roles(&[]) };
            async move { store.update_account(id, update, &rules, &change).await.expect("a result") }
        });
        let done = changed.await.into_iter().filter(|done| done.value.is_ok()).count();
        let left = fixture.count_admins().await;
        assert!(left >= 1, "round {round}: no admin is left");
        assert_eq!(left + done, admins.len(), "round {round}");
        for admin in &admins {
            let restore = AccountUpdate {
                is_disabled: Some(false),
                roles: Some(roles(&[RoleName::admin()])),
            };
            fixture.change(admin, restore).await;
        }
    }
}

/// An admin who is demoted at the same time assigns a role before that, or not at all.
pub(super) async fn demoted_assigner_assigns_nothing(fixture: &StoreFixture) {
    let (root, other) = (fixture.admin("root").await, fixture.admin("other").await);
    for round in 0..ROUNDS {
        let alice = fixture.account(&format!("alice{round}")).await;
        let changed = concurrently(2, |task| {
            let store = Arc::clone(&fixture.store);
            let (id, update, rules) = match task {
                0 => (other.id, set_roles(&[RoleName::user()]), assigned_by(&root)),
                _ => (alice.id, set_roles(&[RoleName::admin()]), assigned_by(&other)),
            };
            async move { store.update_account(id, update, &rules, &at(1)).await.expect("a result") }
        });
        let changed = changed.await;
        let records = fixture.new_records().await;
        let position = |id| {
            let is_of = |user: &crate::audit::AuditIdentity| user.id == Some(id);
            records.iter().position(|record| record.user.as_ref().is_some_and(is_of))
        };
        let (demoted, promoted) = (position(other.id), position(alice.id));
        assert!(changed[0].value.is_ok() && demoted.is_some(), "round {round}");
        assert_eq!(changed[1].value.is_ok(), promoted.is_some(), "round {round}");
        assert!(promoted.is_none_or(|at| Some(at) < demoted), "round {round}: {records:?}");
        fixture.change(&other, set_roles(&[RoleName::admin()])).await;
    }
}

fn assign() -> crate::rbac::Permission {
    "roles:assign".parse().expect("a permission")
}
