//! Guessing: how often, from where, and what the guesser sees of it.

use kleidia_tower::audit::EventKind;

use super::{PASSWORD, Service, code};

#[tokio::test]
async fn a_lock_holds_for_its_source_alone_and_is_not_told() {
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
    service.pass(60);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "ok");
}

#[tokio::test]
async fn names_without_an_account_lock_as_well() {
    let service = Service::new().await;
    for _ in 0..6 {
        let guess = service.log_in("nobody", "wrong", "192.0.2.9").await;
        assert_eq!(code(guess), "invalid_credentials");
    }
    assert_eq!(service.count(EventKind::LoginLocked).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guesses_at_once_get_no_extra_tries() {
    let service = Service::new().await;
    let guesses = (0..1000).map(|index| {
        let accounts = service.accounts.clone();
        let attempt = kleidia_tower::account::LogIn {
            user_name: ["alice", "Alice", "\u{ff21}lice"][index % 3].to_owned(),
            password: format!("guess {index}").into(),
            origin: super::at("192.0.2.9"),
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
