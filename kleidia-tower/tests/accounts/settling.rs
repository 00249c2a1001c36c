//! Attempts are settled if the store fails: the user name does not stay busy.

use std::time::{Duration, Instant};

use kleidia_tower::account::{AccountError, LoginRequest};
use kleidia_tower::lockout::{
    AttemptRecord, Evidence, LockoutPolicy, LoginAttempt, LoginSource, Reservation,
};

use super::at;
use super::support::{Fixture, NOW, PASSWORD};

/// More attempts than may be pending.
const ATTEMPTS: usize = 8;

fn attempt(name: &str) -> LoginAttempt {
    let source = LoginSource::new("192.0.2.1".parse().ok());
    LoginAttempt { name: name.parse().unwrap(), source, evidence: Evidence::None }
}

async fn log_in(fixture: &Fixture, password: &str) -> Result<(), AccountError> {
    let (user_name, client) = ("alice".to_owned(), at("192.0.2.1"));
    let request = LoginRequest { user_name, password: password.into(), client, device_token: None };
    fixture.accounts.log_in(request).await.map(drop)
}

/// Waits until the attempts are settled, within the time that an abandoned one counts.
async fn wait_until_settled(fixture: &Fixture, password: &str) {
    let deadline = Instant::now() + Duration::from_secs(50);
    while let Err(AccountError::Busy) = log_in(fixture, password).await {
        assert!(Instant::now() < deadline, "the name stays busy");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Attempts while the store fails to settle them, until the name is busy.
async fn attempt_with_failing_store(fixture: &Fixture, password: &str) {
    fixture.store.set_settling_fails(true);
    for _ in 0..ATTEMPTS {
        let failed = log_in(fixture, password).await;
        assert!(matches!(failed, Err(AccountError::Store(_) | AccountError::Busy)), "{failed:?}");
    }
    fixture.store.set_settling_fails(false);
}

#[tokio::test]
async fn store_error_does_not_leave_the_name_busy() {
    let fixture = Fixture::new().await;
    attempt_with_failing_store(&fixture, PASSWORD).await;
    wait_until_settled(&fixture, PASSWORD).await;
    log_in(&fixture, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn wrong_password_counts_after_a_store_error() {
    let fixture = Fixture::new().await;
    attempt_with_failing_store(&fixture, "wrong").await;
    wait_until_settled(&fixture, PASSWORD).await;
    let (store, policy) = (fixture.accounts.store(), LockoutPolicy::default());
    let reserved = store.reserve_attempt(&attempt("alice"), &policy, NOW).await.unwrap();
    assert!(matches!(reserved, Reservation::Locked { .. }), "{reserved:?}");
}

#[tokio::test]
async fn throttled_attempt_is_settled_after_a_store_error() {
    let fixture = Fixture::new().await;
    let (store, policy) = (fixture.accounts.store(), LockoutPolicy::default());
    let change = |address: &str| kleidia_tower::store::ChangeContext {
        at: NOW,
        client: at(address),
        actor: None,
    };
    for source in 0..20 {
        let address = format!("198.51.100.{source}");
        let source = LoginSource::new(address.parse().ok());
        let attempt = LoginAttempt { source, ..attempt("alice") };
        let reserved = store.reserve_attempt(&attempt, &policy, NOW).await.unwrap();
        assert_eq!(reserved, Reservation::Granted);
        drop(
            store
                .record_failure(&attempt, &policy, &change(&address), AttemptRecord::Recorded)
                .await
                .unwrap(),
        );
    }
    fixture.store.set_settling_fails(true);
    for _ in 0..4 {
        assert!(matches!(log_in(&fixture, PASSWORD).await, Err(AccountError::Store(_))));
    }
    fixture.store.set_settling_fails(false);
    wait_until_settled(&fixture, PASSWORD).await;
    // The throttled attempts count for the source: with the last one it is locked.
    let deadline = Instant::now() + Duration::from_secs(50);
    loop {
        let reserved = store.reserve_attempt(&attempt("alice"), &policy, NOW).await.unwrap();
        if let Reservation::Locked { .. } = reserved {
            break;
        }
        assert!(Instant::now() < deadline, "{reserved:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
