//! Accounts are created, listed and changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::expected::success;
use super::many::at_once;
use super::scene::{Scene, at, by, hash, new_account, roles, time, unknown_user};
use crate::account::{Account, AccountLookup, AccountUpdate, NewAccount, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::rbac::RoleName;
use crate::{UserId, UserName};

pub(super) async fn an_account_is_as_it_was_created(scene: &Scene) {
    let root = scene.account("root").await;
    let name: UserName = "Alice Stra\u{df}e".parse().expect("a name");
    let roles = roles(&[RoleName::admin(), "auditor".parse().expect("a role")]);
    let new = NewAccount { name: name.clone(), roles: roles.clone(), password: hash(7) };
    let change = by(&root, &at(3));
    let done = scene.store.create_account(new, &change).await;
    let alice = done.as_ref().ok().and_then(|done| done.value.clone()).expect("an account");
    let expected = Account {
        id: alice.id,
        name: name.clone(),
        roles: roles.clone(),
        is_disabled: false,
        created_at: time(3),
        password_changed_at: time(3),
    };
    assert_eq!(*alice, expected);
    assert_ne!(alice.id, root.id);
    let reason = Reason::Roles { from: vec![], to: roles.into_iter().collect() };
    let event = success(EventKind::UserCreated).because(reason);
    scene.expect(done, &change, &alice, &[event]).await;

    let password = StoredPassword { current: hash(7), previous: vec![] };
    for key in [AccountLookup::Id(alice.id), AccountLookup::Name(&name)] {
        let found = scene.store.account_with_password(key).await.expect("an answer");
        assert_eq!(found, Some((Arc::clone(&alice), password.clone())), "{key:?}");
    }
    assert_eq!(scene.store.account(alice.id).await.expect("an answer"), Some(alice));
}

pub(super) async fn a_name_is_given_once(scene: &Scene) {
    let alice = scene.account("alice").await;
    for variant in ["alice", "ALICE", "\u{ff21}lice"] {
        let new = NewAccount { password: hash(2), ..new_account(variant) };
        let done = scene.store.create_account(new, &at(5)).await;
        assert_eq!(scene.expect(done, &at(5), &alice, &[]).await, None, "{variant}");
    }
    let password = StoredPassword { current: hash(1), previous: vec![] };
    assert_eq!(scene.stored(&alice).await, (alice, password));

    let unknown = "bob".parse().expect("a name");
    let found = scene.store.account_with_password(AccountLookup::Name(&unknown)).await;
    assert_eq!(found.expect("an answer"), None);
}

pub(super) async fn a_name_is_given_once_whoever_asks_at_once(scene: &Scene) {
    let created = at_once(100, |_| {
        let store = Arc::clone(&scene.store);
        async move { store.create_account(new_account("alice"), &at(0)).await.expect("an answer") }
    });
    let created: Vec<_> = created.await.into_iter().filter(|done| done.value.is_some()).collect();
    assert_eq!(created.len(), 1, "{created:?}");
    assert_eq!(scene.news().await.len(), 1, "one account, one event");
    assert_eq!(scene.store.accounts(None, 10).await.expect("an answer").len(), 1);
}

pub(super) async fn accounts_are_listed_by_number(scene: &Scene) {
    assert!(scene.store.accounts(None, 10).await.expect("an answer").is_empty());
    let mut accounts = Vec::new();
    for name in ["zoe", "adam", "mary", "bob"] {
        accounts.push(scene.account(name).await);
    }
    let ids: BTreeSet<_> = accounts.iter().map(|account| account.id).collect();
    assert_eq!(ids.len(), 4, "numbers are of one account: {accounts:?}");
    accounts.sort_by_key(|account| account.id);
    for (after, limit, expected) in [
        (None, 10, &accounts[..]),
        (None, usize::MAX, &accounts[..]),
        (None, 3, &accounts[..3]),
        (None, 0, &[]),
        (Some(accounts[0].id), 2, &accounts[1..3]),
        (Some(accounts[2].id), 2, &accounts[3..]),
        (Some(accounts[3].id), 2, &[]),
        (Some(UserId::new(i64::MAX)), 2, &[]),
    ] {
        let listed = scene.store.accounts(after, limit).await.expect("an answer");
        assert_eq!(listed, expected, "{limit} after {after:?}");
    }
}

pub(super) async fn roles_change(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let bob = scene.account("bob").await;
    let session = scene.login(&alice, 1).await;
    let both = roles(&[RoleName::admin(), RoleName::user()]);
    for (second, from, to) in [
        (1, alice.roles.clone(), both.clone()),
        (2, both, roles(&[])),
        (3, roles(&[]), roles(&[RoleName::user()])),
    ] {
        let update = AccountUpdate { roles: Some(to.clone()), ..AccountUpdate::default() };
        let change = by(&root, &at(second));
        let done = scene.store.update_account(alice.id, update, &change).await;
        let names = |roles: BTreeSet<RoleName>| roles.into_iter().collect();
        let reason = Reason::Roles { from: names(from), to: names(to.clone()) };
        let event = success(EventKind::RoleChanged).because(reason);
        let changed = scene.expect(done, &change, &alice, &[event]).await;
        let expected = Account { roles: to, ..(*alice).clone() };
        assert_eq!(changed.as_deref(), Some(&expected));
        assert_eq!(*scene.stored(&alice).await.0, expected);
        for other in [&root, &bob] {
            assert_eq!(scene.stored(other).await.0, *other, "others stay as they are");
        }
    }
    assert_eq!(scene.active(alice.id, 3).await, [session.id], "sessions go on");
    scene.refreshes(&alice, 1, 2, 3).await;
}

pub(super) async fn what_stays_the_same_is_no_change(scene: &Scene) {
    let alice = scene.account("alice").await;
    for (is_disabled, roles) in [
        (None, None),
        (Some(false), None),
        (None, Some(alice.roles.clone())),
        (Some(false), Some(alice.roles.clone())),
    ] {
        let update = AccountUpdate { is_disabled, roles };
        let done = scene.store.update_account(alice.id, update, &at(1)).await;
        let same = scene.expect(done, &at(1), &alice, &[]).await;
        assert_eq!(same.as_ref(), Some(&alice));
        assert_eq!(scene.stored(&alice).await.0, alice);
    }
}

pub(super) async fn nobody_can_be_changed(scene: &Scene) {
    let alice = scene.account("alice").await;
    let nobody = unknown_user(&alice);
    let update = AccountUpdate { is_disabled: Some(true), roles: Some(roles(&[])) };
    let done = scene.store.update_account(nobody, update, &at(1)).await;
    assert_eq!(scene.expect(done, &at(1), &alice, &[]).await, None);
    assert_eq!(scene.store.account(nobody).await.expect("an answer"), None);
    let found = scene.store.account_with_password(AccountLookup::Id(nobody)).await;
    assert_eq!(found.expect("an answer"), None);
}
