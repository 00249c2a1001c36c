//! Full disks: writes fail, and succeed again once there is space.

use std::env;
use std::process::{Command, Stdio};

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::store::{SqliteStore, StoreError};

use crate::fixture::{TempDatabase, at, audit_key, create, new_account, operator, verified_size};

const PATH: &str = "KLEIDIA_TEST_FULL_DISK";

/// On a full disk SQLite rolls the transaction back (<https://sqlite.org/lang_transaction.html>,
/// 2.4), as this trigger does.
#[tokio::test]
async fn store_works_after_a_rollback_by_sqlite() {
    let database = TempDatabase::new();
    let store = database.open().await;
    database
        .execute(
            "CREATE TRIGGER full BEFORE INSERT ON accounts WHEN NEW.name = 'bob' \
             BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
        )
        .await;
    for name in ["alice", "carol", "dave"] {
        let rejected = store.create_account(new_account("bob"), &operator(), &at(0)).await;
        assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
        create(&store, name).await;
    }
    assert_eq!(verified_size(&store).await, 3);
}

/// The child process can write at most 2 MiB to a file.
#[cfg(unix)]
#[tokio::test]
async fn full_disk_fails_writes_and_loses_nothing() {
    let database = TempDatabase::new();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["full_disk::child_with_full_disk", "--exact", "--ignored"])
        .env(PATH, &database.path)
        .stdin(Stdio::null())
        .output();
    let child = child.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let store = database.open().await;
    let accounts = store.accounts(None, 100_000).await.unwrap();
    assert!(accounts.len() > 10);
    assert_eq!(verified_size(&store).await, accounts.len() as u64);
    create(&store, "alice").await;
}

#[tokio::test]
#[ignore = "child process of another test"]
async fn child_with_full_disk() {
    let store = SqliteStore::open(env::var_os(PATH).unwrap(), audit_key()).await.unwrap();
    let mut number = 0;
    let rejected = loop {
        let name = format!("user{number}");
        match store.create_account(new_account(&name), &operator(), &at(0)).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(rejected, StoreError::Unavailable(_)), "{rejected:?}");
    for _ in 0..3 {
        let again =
            store.create_account(new_account(&format!("user{number}")), &operator(), &at(0)).await;
        assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    }
    for number in 0..number {
        let name = format!("user{number}").parse().unwrap();
        let found = store.account_with_password(AccountLookup::Name(&name)).await.unwrap();
        assert!(found.is_some(), "user{number} was acknowledged");
    }
}
