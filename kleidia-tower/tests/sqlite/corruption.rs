//! Corrupt rows and pages are errors: they cause no panic, and grant no access.

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::lockout::{
    AttemptRecord, Evidence, FailureStore as _, LockoutPolicy, LoginAttempt, LoginSource,
};
use kleidia_tower::session::{SessionLookup, SessionStore as _};
use kleidia_tower::store::{OpenError, SqliteStore, StoreError};
use kleidia_tower::{SessionId, UserId};

use crate::fixture::{
    NOW, TempDatabase, at, audit_key, create, hash, log_in, new_session, rotation, session_token,
};

/// Opens a store in which alice has a session, a consumed refresh token and a failure.
async fn populated_store(database: &TempDatabase) -> SqliteStore {
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    drop(store.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap().value);
    let attempt = LoginAttempt {
        name: alice.name.clone(),
        source: LoginSource::new(None),
        evidence: Evidence::None,
    };
    store.reserve_attempt(&attempt, &LockoutPolicy::default(), NOW).await.unwrap();
    drop(
        store
            .record_failure(&attempt, &LockoutPolicy::default(), &at(0), AttemptRecord::Recorded)
            .await
            .unwrap(),
    );
    store
}

fn assert_corrupt<T: Debug>(outcome: &Result<T, StoreError>, alteration: &str) {
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{alteration}: {outcome:?}");
}

#[tokio::test]
async fn rejects_corrupt_account() {
    for alteration in [
        "UPDATE accounts SET roles = 'not a role!'",
        "UPDATE accounts SET roles = CAST(x'ff' AS TEXT)",
        "UPDATE accounts SET password = CAST(x'ff' AS TEXT)",
        "DROP TRIGGER accounts_change_name_with_digest; UPDATE accounts SET name = ''",
    ] {
        let database = TempDatabase::new();
        let store = populated_store(&database).await;
        let alice = store.account(UserId::new(1)).await.unwrap().unwrap();
        database.execute(alteration).await;
        assert_corrupt(&store.account(UserId::new(1)).await, alteration);
        assert_corrupt(
            &store.open_session(new_session(&alice, hash(0), 3), &at(0)).await,
            alteration,
        );
        assert_corrupt(
            &store.account_with_password(AccountLookup::Id(UserId::new(1))).await,
            alteration,
        );
    }
}

#[tokio::test]
async fn rejects_corrupt_session() {
    for alteration in [
        "UPDATE sessions SET methods = 'sms'",
        "UPDATE sessions SET ip = 'nowhere'",
        "UPDATE sessions SET ip = CAST(x'ff' AS TEXT)",
        "UPDATE sessions SET ended_at = 1, end_reason = 'no reason'",
        "PRAGMA ignore_check_constraints = ON; UPDATE sessions SET ended_at = 1",
        "PRAGMA ignore_check_constraints = ON; UPDATE sessions SET end_reason = 'logout'",
    ] {
        let database = TempDatabase::new();
        let store = populated_store(&database).await;
        database.execute(alteration).await;
        let token = SessionLookup::Token(session_token(1));
        assert_corrupt(&store.session(token).await, alteration);
        assert_corrupt(&store.session(SessionLookup::Id(SessionId::new(1))).await, alteration);
        assert_corrupt(&store.rotate_refresh_token(&rotation(2, 3), &at(1)).await, alteration);
    }
}

#[tokio::test]
async fn rejects_corrupt_refresh_token() {
    for alteration in [
        "PRAGMA ignore_check_constraints = ON; \
         DROP TRIGGER refresh_tokens_are_consumed_once; \
         UPDATE refresh_tokens SET successor = x'00' WHERE consumed_at IS NOT NULL",
        "PRAGMA ignore_check_constraints = ON; \
         DROP TRIGGER refresh_tokens_are_consumed_once; \
         UPDATE refresh_tokens SET wrapped = NULL WHERE consumed_at IS NOT NULL",
        "PRAGMA foreign_keys = OFF; UPDATE refresh_tokens SET session = 99",
    ] {
        let database = TempDatabase::new();
        let store = populated_store(&database).await;
        database.execute(alteration).await;
        assert_corrupt(&store.rotate_refresh_token(&rotation(1, 3), &at(0)).await, alteration);
    }
}

#[tokio::test]
async fn rejects_attempts_if_failures_are_corrupt() {
    for alteration in [
        "UPDATE failures SET failures = -1",
        "UPDATE failures SET pending = 1 << 40",
        "UPDATE failures SET failures = -1",
    ] {
        let database = TempDatabase::new();
        let store = populated_store(&database).await;
        database.execute(alteration).await;
        let attempt = LoginAttempt {
            name: "alice".parse().unwrap(),
            source: LoginSource::new(None),
            evidence: Evidence::None,
        };
        assert_corrupt(
            &store.reserve_attempt(&attempt, &LockoutPolicy::default(), NOW).await,
            alteration,
        );
    }
}

/// Overwrites all pages except the first, which contains the names of the tables.
#[tokio::test]
async fn corrupt_pages_are_errors() {
    let database = TempDatabase::new();
    let closed = populated_store(&database).await;
    let alice = closed.account(UserId::new(1)).await.unwrap().unwrap();
    closed.close().await;
    let length = database.path.metadata().unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&database.path).unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(length - 4096).unwrap()]).unwrap();
    drop(file);
    match SqliteStore::open(&database.path, audit_key()).await {
        Err(OpenError::Database(_)) => {}
        Err(error) => panic!("{error}"),
        Ok(store) => {
            assert_corrupt(&store.account(UserId::new(1)).await, "pages");
            assert_corrupt(&store.session(SessionLookup::Token(session_token(1))).await, "pages");
            assert_corrupt(
                &store.open_session(new_session(&alice, hash(0), 3), &at(0)).await,
                "pages",
            );
            assert_corrupt(&store.verify(None).await, "pages");
        }
    }
}
