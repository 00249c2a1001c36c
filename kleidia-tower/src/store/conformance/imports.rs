//! Accounts of other systems.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, at, hash, new_account, operator};
use crate::account::{
    AccountLookup, ImportMode, ImportResult, ImportedAccount, NewAccount, PasswordHash, Profile,
};
use crate::audit::{AuditRecord, EventKind};
use crate::rbac::{RoleChangeError, RoleName};

/// The hash of another system.
const FOREIGN: &str = "$bcrypt$r=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn imported(name: &str) -> ImportedAccount {
    let password = PasswordHash::new(FOREIGN.to_owned());
    ImportedAccount { new: NewAccount { password, ..new_account(name) }, is_disabled: false }
}

fn summary(records: &[AuditRecord]) -> Vec<(EventKind, &str, Option<&str>)> {
    let user = |record: &AuditRecord| record.user.as_ref().map(|user| user.name.clone());
    assert!(records.iter().all(|record| user(record).is_some() && record.actor.is_none()));
    let summary = records.iter().map(|record| {
        let name = record.user.as_ref().map_or("", |user| user.name.as_str());
        (record.kind, name, record.reason.as_deref())
    });
    summary.collect()
}

pub(super) async fn imports_each_account_once(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let mut carol = imported("carol");
    carol.is_disabled = true;
    carol.new.profile =
        Profile { display_name: Some("Carol".parse().expect("a name")), ..Profile::default() };
    carol.new.must_change_password = true;
    let mut dave = imported("dave");
    let ghost: RoleName = "ghost".parse().expect("a role");
    dave.new.roles = [ghost.clone()].into();
    let batch = vec![imported("bob"), imported("alice"), carol, dave];
    let import = async |batch: &Vec<ImportedAccount>, mode| {
        let batch = batch.clone();
        let done = fixture.store.import_accounts(batch, mode, &operator(), &at(3)).await;
        let done = done.expect("a result");
        assert_eq!(done.records, fixture.new_records().await);
        (done.value, done.records)
    };
    let unknown = RoleChangeError::UnknownRoles([ghost].into());
    let rejected = ImportResult::Roles(unknown);
    let differs = ImportResult::Differs(Arc::clone(&alice));
    let expected =
        [ImportResult::Created, differs.clone(), ImportResult::Created, rejected.clone()];

    let (found, records) = import(&batch, ImportMode::Check).await;
    assert_eq!(found, expected);
    assert!(records.is_empty(), "{records:?}");
    assert_eq!(fixture.store.accounts(None, 10).await.expect("a result"), [Arc::clone(&alice)]);

    let (found, records) = import(&batch, ImportMode::Create).await;
    assert_eq!(found, expected);
    let expected = [
        (EventKind::UserCreated, "bob", Some("imported: user")),
        (EventKind::UserCreated, "carol", Some("imported: user")),
        (EventKind::UserDisabled, "carol", None),
    ];
    assert_eq!(summary(&records), expected);
    let accounts = fixture.store.accounts(None, 10).await.expect("a result");
    let states = accounts
        .iter()
        .map(|account| (account.name.as_str(), account.is_disabled, account.must_change_password));
    let expected = [("alice", false, false), ("bob", false, false), ("carol", true, true)];
    assert_eq!(states.collect::<Vec<_>>(), expected);
    let parameters = fixture.store.password_parameters().await.expect("a result");
    assert!(parameters.contains(&"$bcrypt$r=4".to_owned()), "{parameters:?}");

    let (found, records) = import(&batch, ImportMode::Create).await;
    let unchanged = ImportResult::Unchanged;
    assert_eq!(found, [unchanged.clone(), differs.clone(), unchanged.clone(), rejected]);
    assert!(records.is_empty(), "{records:?}");

    // Each difference counts.
    let mut others: Vec<_> = (0..4).map(|_| imported("bob")).collect();
    others[0].new.password = hash(9);
    others[1].is_disabled = true;
    others[2].new.must_change_password = true;
    others[3].new.profile.display_name = Some("Bob".parse().expect("a name"));
    for mode in [ImportMode::Check, ImportMode::Create] {
        let (found, records) = import(&others, mode).await;
        let differs = |result| matches!(result, &ImportResult::Differs(_));
        assert!(found.iter().all(differs) && records.is_empty(), "{found:?}");
    }
    let name = "alice".parse().expect("a name");
    let stored = fixture.store.account_with_password(AccountLookup::Name(&name)).await;
    assert_eq!(stored.expect("a result").expect("the account").1.current, hash(1));
}

/// Of two imports at the same time, one creates each account.
pub(super) async fn concurrent_imports_create_each_account_once(fixture: &StoreFixture) {
    let batch: Vec<_> = (0..20).map(|number| imported(&format!("user{number}"))).collect();
    let imports = concurrently(2, |_| {
        let (store, batch) = (Arc::clone(&fixture.store), batch.clone());
        async move {
            let (rules, change) = (operator(), at(0));
            let done = store.import_accounts(batch, ImportMode::Create, &rules, &change).await;
            done.expect("a result").value
        }
    });
    let mut results: Vec<_> = imports.await.into_iter().flatten().collect();
    let of_one = results.split_off(batch.len());
    for (one, other) in results.iter().zip(&of_one) {
        let created = [one, other].into_iter().filter(|result| **result == ImportResult::Created);
        assert_eq!(created.count(), 1, "{one:?}, {other:?}");
        let is_unchanged = [one, other].contains(&&ImportResult::Unchanged);
        assert!(is_unchanged, "{one:?}, {other:?}");
    }
    assert_eq!(fixture.new_records().await.len(), batch.len());
}
