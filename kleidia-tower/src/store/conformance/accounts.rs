//! Creating, listing and changing accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::concurrent::concurrently;
use super::expected::success;
use super::fixture::{
    StoreFixture, at, by, hash, new_account, new_session, operator, roles, time, unknown_user,
};
use crate::account::{
    Account, AccountChangeError, AccountLookup, AccountUpdate, NewAccount, PasswordChange,
    PasswordHash, StoredPassword,
};
use crate::audit::{EventKind, Reason};
use crate::rbac::RoleName;
use crate::session::NewSession;
use crate::{UserId, UserName};

pub(super) async fn stores_account_as_created(fixture: &StoreFixture) {
    let root = fixture.account("root").await;
    let name: UserName = "Alice Stra\u{df}e".parse().expect("a name");
    let roles = roles(&[RoleName::admin(), "auditor".parse().expect("a role")]);
    let new = NewAccount::new(name.clone(), roles.clone(), hash(7));
    let change = by(&root, &at(3));
    let done = fixture.store.create_account(new, &operator(), &change).await;
    let alice = done.as_ref().expect("a result").value.clone().expect("an account");
    let expected = Account {
        id: alice.id,
        name: name.clone(),
        roles: roles.clone(),
        is_disabled: false,
        must_change_password: false,
        is_erased: false,
        created_at: time(3),
        password_changed_at: time(3),
    };
    assert_eq!(*alice, expected);
    assert_ne!(alice.id, root.id);
    let reason = Reason::Roles { from: vec![], to: roles.into_iter().collect() };
    let event = success(EventKind::UserCreated).with_reason(reason);
    let created = fixture.expect(done, &change, &alice, &[event]).await;
    assert!(created.is_ok(), "{created:?}");

    let password = StoredPassword { current: hash(7), previous: vec![] };
    for key in [AccountLookup::Id(alice.id), AccountLookup::Name(&name)] {
        let found = fixture.store.account_with_password(key).await.expect("a result");
        assert_eq!(found, Some((Arc::clone(&alice), password.clone())), "{key:?}");
    }
    assert_eq!(fixture.store.account(alice.id).await.expect("a result"), Some(alice));
}

pub(super) async fn rejects_existing_user_name(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for variant in ["alice", "ALICE", "\u{ff21}lice"] {
        let new = NewAccount { password: hash(2), ..new_account(variant) };
        let done = fixture.store.create_account(new, &operator(), &at(5)).await;
        let taken = fixture.expect(done, &at(5), &alice, &[]).await;
        assert_eq!(taken, Err(AccountChangeError::UserNameTaken), "{variant}");
    }
    let password = StoredPassword { current: hash(1), previous: vec![] };
    assert_eq!(fixture.stored(&alice).await, (alice, password));

    let unknown = "bob".parse().expect("a name");
    let found = fixture.store.account_with_password(AccountLookup::Name(&unknown)).await;
    assert_eq!(found.expect("a result"), None);
}

pub(super) async fn concurrent_creations_yield_one_account(fixture: &StoreFixture) {
    let created = concurrently(100, |_| {
        let store = Arc::clone(&fixture.store);
        async move {
            let new = new_account("alice");
            store.create_account(new, &operator(), &at(0)).await.expect("a result")
        }
    });
    let created: Vec<_> = created.await.into_iter().filter(|done| done.value.is_ok()).collect();
    assert_eq!(created.len(), 1, "{created:?}");
    assert_eq!(fixture.new_records().await.len(), 1, "one account, one event");
    assert_eq!(fixture.store.accounts(None, 10).await.expect("a result").len(), 1);
}

pub(super) async fn lists_accounts_by_id(fixture: &StoreFixture) {
    assert!(fixture.store.accounts(None, 10).await.expect("a result").is_empty());
    let mut accounts = Vec::new();
    for name in ["zoe", "adam", "mary", "bob"] {
        accounts.push(fixture.account(name).await);
    }
    let ids: BTreeSet<_> = accounts.iter().map(|account| account.id).collect();
    assert_eq!(ids.len(), 4, "ids are unique: {accounts:?}");
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
        let listed = fixture.store.accounts(after, limit).await.expect("a result");
        assert_eq!(listed, expected, "{limit} after {after:?}");
    }
}

pub(super) async fn changes_roles(fixture: &StoreFixture) {
    let (root, alice) = (fixture.admin("root").await, fixture.account("alice").await);
    let bob = fixture.account("bob").await;
    let session = fixture.login(&alice, 1).await;
    let both = roles(&[RoleName::admin(), RoleName::user()]);
    for (second, from, to) in [
        (1, alice.roles.clone(), both.clone()),
        (2, both, roles(&[])),
        (3, roles(&[]), roles(&[RoleName::user()])),
    ] {
        let update = AccountUpdate { roles: Some(to.clone()), ..AccountUpdate::default() };
        let change = by(&root, &at(second));
        let done = fixture.store.update_account(alice.id, update, &operator(), &change).await;
        let names = |roles: BTreeSet<RoleName>| roles.into_iter().collect();
        let reason = Reason::Roles { from: names(from), to: names(to.clone()) };
        let event = success(EventKind::RoleChanged).with_reason(reason);
        let changed = fixture.expect(done, &change, &alice, &[event]).await;
        let expected = Account { roles: to, ..(*alice).clone() };
        assert_eq!(changed.as_deref(), Ok(&expected));
        assert_eq!(*fixture.stored(&alice).await.0, expected);
        for other in [&root, &bob] {
            assert_eq!(fixture.stored(other).await.0, *other, "other accounts are unchanged");
        }
    }
    assert_eq!(fixture.active(alice.id, 3).await, [session.id], "sessions stay active");
    fixture.refresh(&alice, 1, 2, 3).await;
}

pub(super) async fn unchanged_values_record_nothing(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for (is_disabled, roles) in [
        (None, None),
        (Some(false), None),
        (None, Some(alice.roles.clone())),
        (Some(false), Some(alice.roles.clone())),
    ] {
        let update = AccountUpdate { is_disabled, roles };
        let done = fixture.store.update_account(alice.id, update, &operator(), &at(1)).await;
        let same = fixture.expect(done, &at(1), &alice, &[]).await;
        assert_eq!(same.as_ref(), Ok(&alice));
        assert_eq!(fixture.stored(&alice).await.0, alice);
    }
}

pub(super) async fn unknown_account_is_not_updated(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let unknown = unknown_user(&alice);
    let update = AccountUpdate { is_disabled: Some(true), roles: Some(roles(&[])) };
    let done = fixture.store.update_account(unknown, update, &operator(), &at(1)).await;
    let unknown_user = fixture.expect(done, &at(1), &alice, &[]).await;
    assert_eq!(unknown_user, Err(AccountChangeError::UserNotFound));
    assert_eq!(fixture.store.account(unknown).await.expect("a result"), None);
    let found = fixture.store.account_with_password(AccountLookup::Id(unknown)).await;
    assert_eq!(found.expect("a result"), None);
}

pub(super) async fn lists_password_parameters(fixture: &StoreFixture) {
    let parameters = async || {
        let mut found = fixture.store.password_parameters().await.expect("a result");
        found.sort_unstable();
        found
    };
    assert!(parameters().await.is_empty());
    fixture.account("alice").await;
    let bob = fixture.account("bob").await;
    let outdated = "$argon2id$v=19$m=65536,t=1,p=4";
    assert_eq!(parameters().await, [outdated]);
    let current = "$argon2id$v=19$m=65536,t=3,p=4";
    let rehashed = PasswordHash::new(format!("{current}$c2FsdHNhbHQ$2"));
    let new = NewSession { rehashed: Some(rehashed), ..new_session(&bob, 1, 1) };
    fixture.open(new, &bob, &at(1)).await;
    assert_eq!(parameters().await, [outdated, current]);
    let alice = AccountLookup::Name(&"alice".parse().expect("a name"));
    let alice = fixture.store.account_with_password(alice).await.expect("a result");
    let (alice, password) = alice.expect("the account");
    let change = PasswordChange {
        user: alice.id,
        expected_hash: password.current,
        new: PasswordHash::new(format!("{current}$c2FsdHNhbHQ$3")),
        history: 5,
        kept_session: None,
    };
    let done = fixture.store.change_password(change, &at(2)).await;
    fixture.expect(done, &at(2), &alice, &[success(EventKind::PasswordChanged)]).await;
    assert_eq!(parameters().await, [current], "previous passwords do not count");
}
