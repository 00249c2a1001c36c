//! Lockout of guessed passwords, by source, without revealing it.

use kleidia_tower::audit::EventKind;
use kleidia_tower::lockout::{LockoutPolicy, LoginAttempt, LoginSource, Reservation};
use kleidia_tower::store::Retention;

use super::{PASSWORD, Service, code};

#[tokio::test]
async fn lock_applies_to_its_source_and_is_not_revealed() {
    let service = Service::new().await;
    for _ in 0..5 {
        let guess = service.log_in("ALICE", "wrong", "192.0.2.9").await;
        assert_eq!(code(guess), "invalid_credentials");
    }
    let locked = service.log_in("alice", PASSWORD, "192.0.2.9").await;
    assert_eq!(code(locked), "invalid_credentials");
    assert_eq!(service.count(EventKind::LoginFailure).await, 5);
    assert_eq!(service.count(EventKind::LoginLocked).await, 2);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.10").await), "ok");
    service.advance_clock(60);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "ok");
}

#[tokio::test]
async fn unknown_names_lock_too() {
    let service = Service::new().await;
    for _ in 0..6 {
        let guess = service.log_in("nobody", "wrong", "192.0.2.9").await;
        assert_eq!(code(guess), "invalid_credentials");
    }
    assert_eq!(service.count(EventKind::LoginLocked).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_guesses_get_no_extra_attempts() {
    let service = Service::new().await;
    let guesses = (0..1000).map(|index| {
        let accounts = service.accounts.clone();
        let attempt = kleidia_tower::account::LoginRequest {
            user_name: ["alice", "Alice", "\u{ff21}lice"][index % 3].to_owned(),
            password: format!("guess {index}").into(),
            client: super::at("192.0.2.9"),
        };
        tokio::spawn(async move { accounts.log_in(attempt).await })
    });
    for guess in guesses.collect::<Vec<_>>() {
        let code = code(guess.await.unwrap());
        assert!(["invalid_credentials", "busy"].contains(&code), "{code}");
    }
    let evaluated = service.count(EventKind::LoginFailure).await;
    assert_eq!(evaluated, 5);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "invalid_credentials");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn throttled_login_looks_like_wrong_password() {
    let service = Service::new().await;
    let home = "192.0.2.1";
    service.alice().await;
    // Each from another source, and after any throttle.
    for source in 0..50 {
        let from = format!("198.51.100.{source}");
        let wrong = service.log_in("alice", "wrong", &from).await;
        assert_eq!(code(wrong), "invalid_credentials");
        service.advance_clock(60);
    }
    assert_eq!(service.count(EventKind::LoginFailure).await, 50);
    let evaluations = service.hasher.evaluations();
    for attempt in 1..=6 {
        let throttled = service.log_in("alice", PASSWORD, "203.0.113.1").await;
        assert_eq!(code(throttled), "invalid_credentials");
        assert_eq!(service.hasher.evaluations(), evaluations + attempt);
    }
    // 6 were throttled, and the fifth started a lock of that source.
    assert_eq!(service.count(EventKind::LoginLocked).await, 7);
    assert_eq!(service.count(EventKind::LoginFailure).await, 50);
    // A login from a familiar source succeeds, and resets the throttle of unfamiliar sources.
    assert_eq!(code(service.log_in("alice", PASSWORD, home).await), "ok");
    assert_eq!(code(service.log_in("alice", PASSWORD, "203.0.113.2").await), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn burst_does_not_reveal_account_existence() {
    let service = Service::new().await;
    for source in 0..50 {
        for name in ["alice", "nobody"] {
            let from = format!("198.51.100.{source}");
            let wrong = service.log_in(name, "wrong", &from).await;
            assert_eq!(code(wrong), "invalid_credentials");
        }
        service.advance_clock(60);
    }
    // By then the counters of the unknown name have expired, and alice's have not.
    service.advance_clock(24 * 3600);
    let (store, retention) = (service.accounts.store(), Retention::default());
    let now = super::later(50 * 60 + 24 * 3600);
    while store.purge(now, &retention, 1000).await.unwrap() > 0 {}
    for name in ["alice", "nobody"] {
        let source = LoginSource::new("203.0.113.1".parse().ok());
        let attempt = LoginAttempt { name: name.parse().unwrap(), source };
        let policy = LockoutPolicy::default();
        let reserve = async || store.reserve_attempt(&attempt, &policy, now).await.unwrap();
        for _ in 0..5 {
            let reserved = reserve().await;
            let is_throttled = matches!(reserved, Reservation::Throttled { .. });
            assert_eq!(is_throttled, name == "alice", "{reserved:?}");
        }
        assert_eq!(reserve().await, Reservation::Busy);
        assert_eq!(code(service.log_in(name, "wrong", "203.0.113.1").await), "busy");
    }
}
