//! Lockout of guessed passwords, by source, without revealing it.

use kleidia_tower::account::LoginRequest;
use kleidia_tower::audit::EventKind;
use kleidia_tower::lockout::{Evidence, LockoutPolicy, LoginAttempt, LoginSource, Reservation};
use kleidia_tower::store::Retention;
use secrecy::{ExposeSecret as _, SecretString};

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
        let attempt = LoginRequest {
            user_name: ["alice", "Alice", "\u{ff21}lice"][index % 3].to_owned(),
            password: format!("guess {index}").into(),
            client: super::at("192.0.2.9"),
            device_token: None,
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

/// Guesses at alice's password, each from another source. The account is throttled afterwards.
async fn guess_from_many_sources(service: &Service) {
    for source in 0..21 {
        let wrong = service.log_in("alice", "wrong", &format!("198.51.100.{source}")).await;
        assert_eq!(code(wrong), "invalid_credentials");
        service.advance_clock(1);
    }
}

#[tokio::test]
async fn throttled_login_looks_like_wrong_password() {
    let service = Service::new().await;
    let home = "192.0.2.1";
    service.alice().await;
    guess_from_many_sources(&service).await;
    assert_eq!(service.count(EventKind::LoginFailure).await, 21);
    let evaluations = service.hasher.evaluations();
    for attempt in 1..=6 {
        let throttled = service.log_in("alice", PASSWORD, "203.0.113.1").await;
        assert_eq!(code(throttled), "invalid_credentials");
        assert_eq!(service.hasher.evaluations(), evaluations + attempt);
    }
    // 6 were throttled, and the fifth started a lock of that source.
    assert_eq!(service.count(EventKind::LoginLocked).await, 7);
    assert_eq!(service.count(EventKind::LoginFailure).await, 21);
    // A login from a familiar source succeeds, and resets the throttle of unfamiliar clients.
    assert_eq!(code(service.log_in("alice", PASSWORD, home).await), "ok");
    assert_eq!(code(service.log_in("alice", PASSWORD, "203.0.113.2").await), "ok");
}

#[tokio::test]
async fn throttle_ends_with_time() {
    let service = Service::new().await;
    guess_from_many_sources(&service).await;
    let away = "203.0.113.1";
    assert_eq!(code(service.log_in("alice", PASSWORD, away).await), "invalid_credentials");
    service.advance_clock(3600);
    assert_eq!(code(service.log_in("alice", PASSWORD, away).await), "ok");
}

#[tokio::test]
async fn device_token_makes_a_device_familiar_everywhere() {
    let service = Service::new().await;
    let log_in = async |name: &str, token: Option<&SecretString>, from: &str| {
        let (user_name, password) = (name.to_owned(), PASSWORD.into());
        let device_token = token.cloned();
        let request = LoginRequest { user_name, password, client: super::at(from), device_token };
        service.accounts.log_in(request).await
    };
    let first = service.alice().await.device_token.unwrap();
    let text = |token: &SecretString| token.expose_secret().to_owned();
    let again = log_in("alice", Some(&first), "192.0.2.7").await.unwrap().device_token.unwrap();
    assert_eq!(text(&again), text(&first), "a known device keeps its token");
    guess_from_many_sources(&service).await;
    // Guesses from the address that the owner shares lock that address.
    for _ in 0..5 {
        let wrong = service.log_in("alice", "wrong", "203.0.113.1").await;
        assert_eq!(code(wrong), "invalid_credentials");
    }
    for token in [None, Some(&"forged".into()), Some(&"A".repeat(43).into())] {
        let unfamiliar = log_in("alice", token, "203.0.113.1").await;
        assert_eq!(code(unfamiliar), "invalid_credentials");
    }
    let owner = log_in("alice", Some(&first), "203.0.113.1").await.unwrap();
    assert_eq!(text(&owner.device_token.unwrap()), text(&first));
    let refreshed = service.refresh(&owner.refresh_token).await.unwrap();
    assert!(refreshed.device_token.is_none());
}

#[tokio::test]
async fn guesses_do_not_keep_the_user_from_changing_the_password() {
    let service = Service::new().await;
    let session = service.log_in("alice", PASSWORD, "192.0.2.7").await.unwrap().session;
    guess_from_many_sources(&service).await;
    let (current, new) = (PASSWORD.into(), "another passphrase".into());
    let change = service.accounts.change_password(&session, current, new, super::at("203.0.113.1"));
    assert_eq!(code(change.await), "ok");
}

#[tokio::test]
async fn operator_unlocks_by_name() {
    let service = Service::new().await;
    for _ in 0..5 {
        assert_eq!(
            code(service.log_in("alice", "wrong", "192.0.2.9").await),
            "invalid_credentials"
        );
    }
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "invalid_credentials");
    let unlock = async |name: &str| code(service.accounts.unlock_by_name(name).await);
    assert_eq!(unlock("Alice").await, "ok");
    assert_eq!(unlock("nobody").await, "not_found");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "ok");
    let records = service.records(Some(EventKind::LoginUnlocked)).await;
    assert_eq!(records.len(), 1);
}

/// If guessing continues, an unlocked account is throttled again.
#[tokio::test]
async fn operator_lets_in_an_owner_while_others_guess() {
    let service = Service::new().await;
    service.accounts.unlock_by_name("alice").await.unwrap();
    let device_token = Some(service.accounts.add_device("Alice").await.unwrap());
    assert_eq!(code(service.accounts.add_device("nobody").await), "not_found");
    guess_from_many_sources(&service).await;
    let unfamiliar = service.log_in("alice", PASSWORD, "203.0.113.1").await;
    assert_eq!(code(unfamiliar), "invalid_credentials");
    let (user_name, password) = ("alice".to_owned(), PASSWORD.into());
    let client = super::at("203.0.113.2");
    let request = LoginRequest { user_name, password, client, device_token };
    assert_eq!(code(service.accounts.log_in(request).await), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn burst_does_not_reveal_account_existence() {
    let service = Service::new().await;
    for source in 0..25 {
        for name in ["alice", "nobody"] {
            let from = format!("198.51.100.{source}");
            let wrong = service.log_in(name, "wrong", &from).await;
            assert_eq!(code(wrong), "invalid_credentials");
        }
        service.advance_clock(1);
    }
    let (store, retention) = (service.accounts.store(), Retention::default());
    let now = super::later(25);
    while store.purge(now, &retention, 1000).await.unwrap() > 0 {}
    for name in ["alice", "nobody"] {
        let source = LoginSource::new("203.0.113.1".parse().ok());
        let attempt =
            LoginAttempt { name: name.parse().unwrap(), source, evidence: Evidence::None };
        let policy = LockoutPolicy::default();
        let reserve = async || store.reserve_attempt(&attempt, &policy, now).await.unwrap();
        for _ in 0..5 {
            let reserved = reserve().await;
            assert!(matches!(reserved, Reservation::Throttled { .. }), "{name}: {reserved:?}");
        }
        assert_eq!(reserve().await, Reservation::Busy);
        assert_eq!(code(service.log_in(name, "wrong", "203.0.113.1").await), "busy");
    }
}
