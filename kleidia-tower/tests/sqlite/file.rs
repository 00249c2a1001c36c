//! The database file: permissions, persistence, and invalid paths.

use std::time::Duration;

use kleidia_tower::UserId;
use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::session::{RotationOutcome, SessionLookup, SessionStore as _};
use kleidia_tower::store::{OpenError, SqliteOptions, SqliteStore, StoreError};
use sqlx::Connection as _;

use crate::fixture::{
    TempDatabase, at, audit_key, create, hash, log_in, new_account, operator, rotation,
    session_token, verified_size,
};

#[tokio::test]
async fn data_persists_after_reopening() {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    let view = log_in(&store, &alice, 1).await;
    store.close().await;
    assert!(!database.with_suffix("-wal").exists(), "the journal was not written back");

    let store = database.open().await;
    let (account, password) =
        store.account_with_password(AccountLookup::Name(&alice.name)).await.unwrap().unwrap();
    assert_eq!((account, password.current), (alice.clone(), hash(0)));
    let found = store.session(SessionLookup::Token(session_token(1))).await.unwrap().unwrap();
    assert_eq!(found, view);
    let checkpoint = store.checkpoint().await.unwrap();
    assert_eq!(checkpoint.map(|checkpoint| checkpoint.size()), Some(3), "sealed when closed");
    assert_eq!(verified_size(&store).await, 3);
    let refreshed = store.rotate_refresh_token(&rotation(1, 2), &at(1)).await.unwrap().value;
    assert!(matches!(refreshed, RotationOutcome::Rotated { .. }));
}

#[tokio::test]
async fn closed_store_is_unavailable() {
    let database = TempDatabase::new();
    let store = database.open().await;
    store.close().await;
    let read = store.account(UserId::new(1)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = store.create_account(new_account("alice"), &operator(), &at(0)).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let database = TempDatabase::new();
    let store = database.open().await;
    create(&store, "alice").await;
    for file in [database.path.clone(), database.with_suffix("-wal"), database.with_suffix("-shm")]
    {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn rejects_paths_that_are_not_files() {
    for name in [":memory:", "file:accounts.db?mode=memory", "sqlite::memory:"] {
        let opened = SqliteStore::open(name, audit_key()).await;
        assert!(matches!(opened, Err(OpenError::NotAFile(_))), "{opened:?}");
    }
    for name in ["", "/nowhere/at/all/accounts.db", "/"] {
        let opened = SqliteStore::open(name, audit_key()).await;
        assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
    }
}

#[tokio::test]
async fn works_with_extreme_options() {
    let database = TempDatabase::new();
    let options = SqliteOptions::default()
        .with_readers(1)
        .unwrap()
        .with_busy_timeout(Duration::from_secs(24 * 24 * 3600))
        .unwrap();
    let store = SqliteStore::open_with(&database.path, audit_key(), options).await.unwrap();
    create(&store, "alice").await;
    assert!(store.account(UserId::new(1)).await.unwrap().is_some());
}

#[test]
fn rejects_options_out_of_bounds() {
    let default = SqliteOptions::default;
    for readers in [0, 10_001, u32::MAX] {
        assert!(default().with_readers(readers).is_err(), "{readers}");
    }
    for queue_limit in [0, 1_000_001, u32::MAX] {
        assert!(default().with_queue_limit(queue_limit).is_err(), "{queue_limit}");
    }
}

#[tokio::test]
async fn write_fails_after_the_busy_timeout() {
    let database = TempDatabase::new();
    // It is also how long opening the database may wait.
    let busy_timeout = Duration::from_millis(500);
    let options = SqliteOptions::default().with_busy_timeout(busy_timeout).unwrap();
    let store = SqliteStore::open_with(&database.path, audit_key(), options).await.unwrap();
    let mut other = database.connect().await;
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let rejected = store.create_account(new_account("alice"), &operator(), &at(0)).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
    assert!(
        store.account(UserId::new(1)).await.unwrap().is_none(),
        "reads do not wait for the writer"
    );
    transaction.rollback().await.unwrap();
    create(&store, "alice").await;
}

#[cfg(unix)]
#[tokio::test]
async fn moved_or_replaced_file_is_unavailable() {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    let moved = database.with_suffix(".moved");
    std::fs::rename(&database.path, &moved).unwrap();
    for is_replaced in [false, true] {
        if is_replaced {
            std::fs::copy(&moved, &database.path).unwrap();
        }
        let read = store.account(alice.id).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        let written = store.create_account(new_account("bob"), &operator(), &at(0)).await;
        assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    }
    std::fs::rename(&moved, &database.path).unwrap();
    assert_eq!(store.account(alice.id).await.unwrap(), Some(alice));
}
