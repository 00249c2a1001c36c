//! Disks that are full: errors, and a store that goes on once there is room again.

use std::env;
use std::process::{Command, Stdio};

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::{AuditStore as _, ChainCheck, ChainHead};
use kleidia_tower::store::{SqliteStore, StoreError};

use crate::people::{Place, at, create, new_account};

const PATH: &str = "KLEIDIA_TEST_FULL_DISK";

/// On a full disk SQLite ends the transaction itself (<https://sqlite.org/lang_transaction.html>,
/// 2.4), as this trigger does.
#[tokio::test]
async fn a_transaction_that_the_database_ends_is_not_the_end_of_all() {
    let place = Place::new();
    let store = place.open().await;
    place
        .alter(
            "CREATE TRIGGER full BEFORE INSERT ON accounts WHEN NEW.name = 'bob' \
             BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
        )
        .await;
    for name in ["alice", "carol", "dave"] {
        let refused = store.create_account(new_account("bob"), &at(0)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        create(&store, name).await;
    }
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    assert!(matches!(check, ChainCheck::Intact(head) if head.sequence == 3), "{check:?}");
}

/// Another process may write no more than 2 MiB to a file.
#[cfg(unix)]
#[tokio::test]
async fn what_finds_no_room_is_refused_and_nothing_is_lost() {
    let place = Place::new();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["full_disk::who_finds_no_room", "--exact", "--ignored"])
        .env(PATH, &place.path)
        .stdin(Stdio::null())
        .output();
    let child = child.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let store = place.open().await;
    let accounts = store.accounts(None, 100_000).await.unwrap();
    assert!(accounts.len() > 10);
    let check = store.verify_chain(ChainHead::default()).await.unwrap();
    let records = accounts.len() as u64;
    assert!(matches!(check, ChainCheck::Intact(head) if head.sequence == records), "{check:?}");
    create(&store, "somebody").await;
}

#[tokio::test]
#[ignore = "it is the other process of a test"]
async fn who_finds_no_room() {
    let store = SqliteStore::open(env::var_os(PATH).unwrap()).await.unwrap();
    let mut number = 0;
    let refused = loop {
        let name = format!("user{number}");
        match store.create_account(new_account(&name), &at(0)).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    for _ in 0..3 {
        let again = store.create_account(new_account(&format!("user{number}")), &at(0)).await;
        assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    }
    for number in 0..number {
        let name = format!("user{number}").parse().unwrap();
        let found = store.account_with_password(AccountLookup::Name(&name)).await.unwrap();
        assert!(found.is_some(), "user{number} was acknowledged");
    }
}
