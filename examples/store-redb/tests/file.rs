//! What is particular to a store in a file.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use kleidia_tower::account::{
    AccountLookup, AccountStore as _, NewAccount, PasswordHash, StoredPassword,
};
use kleidia_tower::audit::{AuditKey, AuditStore as _};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::store::{ChangeContext, StoreError};
use kleidia_tower::{ClientInfo, Timestamp, UserName};
use store_redb::RedbStore;

async fn create(store: &RedbStore, name: &UserName) {
    let password =
        PasswordHash::new("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ$aGFzaA".to_owned());
    let new = NewAccount::new(name.clone(), [RoleName::user()].into(), password);
    let rules = RoleRules::for_operator(Policy::default());
    let at = Timestamp::constant(1_795_370_580, 0);
    let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
    let created = store.create_account(new, &rules, &change).await.unwrap();
    assert_eq!(created.value.unwrap().name, *name);
}

#[tokio::test]
async fn acknowledged_changes_are_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accounts.redb");
    let key = AuditKey::generate("tests").unwrap();
    let [alice, bob]: [UserName; 2] = ["alice", "bob"].map(|name| name.parse().unwrap());
    let store = RedbStore::open(&path, key.clone()).unwrap();
    create(&store, &alice).await;
    drop(store);

    let store = RedbStore::open(&path, key.clone()).unwrap();
    create(&store, &bob).await;
    let ids = store.accounts(None, 10).await.unwrap();
    assert_eq!(ids.iter().map(|account| account.id.get()).collect::<Vec<_>>(), [1, 2]);
    let found = store.account_with_password(AccountLookup::Name(&alice)).await.unwrap();
    let (account, StoredPassword { previous, .. }) = found.unwrap();
    assert_eq!((&account.name, previous), (&alice, Vec::new()));
    let sealed = store.seal().await.unwrap();
    assert_eq!(sealed.map(|checkpoint| checkpoint.size()), Some(2));
    assert!(store.verify(None).await.unwrap().is_intact());
}

#[tokio::test]
async fn one_process_opens_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accounts.redb");
    let key = AuditKey::generate("tests").unwrap();
    let store = RedbStore::open(&path, key.clone()).unwrap();
    let second = RedbStore::open(&path, key.clone());
    assert!(matches!(second, Err(StoreError::Unavailable(_))), "{second:?}");
    drop(store);
}
