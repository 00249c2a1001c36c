//! Rows and pages that nobody of us wrote: errors, never a panic, never a grant.

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::{AuditStore as _, ChainHead};
use kleidia_tower::lockout::{FailureStore as _, LockoutPolicy, LoginAttempt, LoginSource};
use kleidia_tower::session::{SessionLookup, SessionStore as _};
use kleidia_tower::store::{OpenError, SqliteStore, StoreError};
use kleidia_tower::{SessionId, UserId};

use crate::people::{NOW, Place, at, create, hash, log_in, new_session, rotation, session_token};

/// Alice has a session, a spent refresh token, and a failure.
async fn store(place: &Place) -> SqliteStore {
    let store = place.open().await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    drop(store.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap().value);
    let attempt = LoginAttempt { name: alice.name.clone(), source: LoginSource::new(None) };
    store.reserve_attempt(&attempt, &LockoutPolicy::default(), NOW).await.unwrap();
    drop(store.record_failure(&attempt, &LockoutPolicy::default(), &at(0)).await.unwrap());
    store
}

fn assert_corrupt<T: Debug>(outcome: &Result<T, StoreError>, alteration: &str) {
    assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{alteration}: {outcome:?}");
}

#[tokio::test]
async fn an_account_that_can_not_be_read_is_not_granted_anything() {
    for alteration in [
        "UPDATE accounts SET roles = 'not a role!'",
        "UPDATE accounts SET roles = CAST(x'ff' AS TEXT)",
        "UPDATE accounts SET password = CAST(x'ff' AS TEXT)",
        "DROP TRIGGER accounts_keep_their_names; UPDATE accounts SET name = ''",
    ] {
        let place = Place::new();
        let store = store(&place).await;
        let alice = store.account(UserId::new(1)).await.unwrap().unwrap();
        place.alter(alteration).await;
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
async fn a_session_that_can_not_be_read_is_not_granted_anything() {
    for alteration in [
        "UPDATE sessions SET ip = 'nowhere'",
        "UPDATE sessions SET ip = CAST(x'ff' AS TEXT)",
        "UPDATE sessions SET ended_at = 1, end_reason = 'no reason'",
        "PRAGMA ignore_check_constraints = ON; UPDATE sessions SET ended_at = 1",
        "PRAGMA ignore_check_constraints = ON; UPDATE sessions SET end_reason = 'logout'",
    ] {
        let place = Place::new();
        let store = store(&place).await;
        place.alter(alteration).await;
        let token = SessionLookup::Token(session_token(1));
        assert_corrupt(&store.session(token).await, alteration);
        assert_corrupt(&store.session(SessionLookup::Id(SessionId::new(1))).await, alteration);
        assert_corrupt(&store.rotate_refresh_token(&rotation(2, 3), &at(1)).await, alteration);
    }
}

#[tokio::test]
async fn a_refresh_token_that_can_not_be_read_is_not_granted_anything() {
    for alteration in [
        "PRAGMA ignore_check_constraints = ON; \
         UPDATE refresh_tokens SET successor = x'00' WHERE consumed_at IS NOT NULL",
        "PRAGMA ignore_check_constraints = ON; \
         UPDATE refresh_tokens SET wrapped = NULL WHERE consumed_at IS NOT NULL",
        "PRAGMA foreign_keys = OFF; UPDATE refresh_tokens SET session = 99",
    ] {
        let place = Place::new();
        let store = store(&place).await;
        place.alter(alteration).await;
        assert_corrupt(&store.rotate_refresh_token(&rotation(1, 3), &at(0)).await, alteration);
    }
}

#[tokio::test]
async fn failures_that_can_not_be_read_let_nobody_try() {
    for alteration in [
        "UPDATE failures SET failures = -1",
        "UPDATE failures SET pending = 1 << 40",
        "UPDATE failures SET consecutive = -1",
    ] {
        let place = Place::new();
        let store = store(&place).await;
        place.alter(alteration).await;
        let attempt =
            LoginAttempt { name: "alice".parse().unwrap(), source: LoginSource::new(None) };
        assert_corrupt(
            &store.reserve_attempt(&attempt, &LockoutPolicy::default(), NOW).await,
            alteration,
        );
    }
}

/// All pages but the first, which has the tables' names, are overwritten.
#[tokio::test]
async fn pages_that_can_not_be_read_are_errors() {
    let place = Place::new();
    let closed = store(&place).await;
    let alice = closed.account(UserId::new(1)).await.unwrap().unwrap();
    closed.close().await;
    let length = place.path.metadata().unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&place.path).unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(length - 4096).unwrap()]).unwrap();
    drop(file);
    match SqliteStore::open(&place.path).await {
        Err(OpenError::Database(_)) => {}
        Err(error) => panic!("{error}"),
        Ok(store) => {
            assert_corrupt(&store.account(UserId::new(1)).await, "pages");
            assert_corrupt(&store.session(SessionLookup::Token(session_token(1))).await, "pages");
            assert_corrupt(
                &store.open_session(new_session(&alice, hash(0), 3), &at(0)).await,
                "pages",
            );
            assert_corrupt(&store.verify_chain(ChainHead::default()).await, "pages");
        }
    }
}
