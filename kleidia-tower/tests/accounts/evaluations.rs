//! Every login attempt costs one evaluation; outdated hashes are rehashed.

use std::sync::Arc;

use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountLookup, Accounts, LoginRequest, NewAccount, PasswordHash};
use kleidia_tower::audit::EventKind;
use kleidia_tower::clock_fn;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::store::ChangeContext;

use super::{NOW, PASSWORD, Service, at, code, operator};

#[tokio::test]
async fn every_attempt_costs_one_evaluation() {
    let service = Service::new().await;
    for (name, password, expected) in [
        ("alice", PASSWORD, "ok"),
        ("alice", "wrong", "invalid_credentials"),
        ("nobody", "wrong", "invalid_credentials"),
        ("no name\u{200b}", "wrong", "invalid_credentials"),
        ("", "wrong", "invalid_credentials"),
    ] {
        let before = service.hasher.evaluations();
        assert_eq!(code(service.log_in(name, password, "192.0.2.1").await), expected, "{name:?}");
        assert_eq!(service.hasher.evaluations(), before + 1, "{name:?}");
    }
    for name in ["alice", "nobody"] {
        for _ in 0..7 {
            let before = service.hasher.evaluations();
            let wrong = service.log_in(name, "wrong", "192.0.2.2").await;
            assert_eq!(code(wrong), "invalid_credentials");
            assert_eq!(service.hasher.evaluations(), before + 1, "{name}");
        }
    }
    // For each name one record of the lock, and one for each of 2 locked attempts.
    assert_eq!(service.count(EventKind::LoginLocked).await, 2 * (1 + 2));
}

#[tokio::test]
async fn login_rehashes_outdated_password() {
    let service = Service::new().await;
    let parameters = Argon2Parameters::MINIMUM.with_memory_kib(8 * 1024).unwrap();
    let options = PasswordHasher::options().with_parameters(parameters.with_passes(2).unwrap());
    let hasher = options.with_permits(1).unwrap().with_queue_limit(8).unwrap().start().unwrap();
    let store = Arc::clone(service.accounts.store());
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let costlier = Accounts::new(store, Arc::new(keys), hasher).with_clock(clock_fn(|| Some(NOW)));
    let log_in = async |password: &str| {
        let (user_name, password) = ("alice".to_owned(), password.into());
        costlier
            .log_in(LoginRequest {
                user_name,
                password,
                client: at("192.0.2.1"),
                device_token: None,
            })
            .await
    };
    let stored = async || {
        let key = AccountLookup::Id(service.alice.id);
        let (account, stored) = costlier.store().account_with_password(key).await.unwrap().unwrap();
        assert_eq!(account.password_changed_at, NOW);
        assert!(stored.previous.is_empty());
        stored.current
    };
    let before = stored().await;
    assert_eq!(code(log_in("wrong").await), "invalid_credentials");
    assert_eq!(stored().await, before);
    assert_eq!(code(log_in(PASSWORD).await), "ok");
    let rehashed = stored().await;
    assert!(rehashed.as_str().starts_with("$argon2id$v=19$m=8192,t=2,p=1$"));
    assert_eq!(code(log_in(PASSWORD).await), "ok");
    assert_eq!(stored().await, rehashed);
    assert_eq!(service.count(EventKind::PasswordChanged).await, 0);
}

/// All verify the outdated hash, which one of them replaces before the others open their sessions.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_all_succeed_while_rehashing() {
    for _ in 0..8 {
        let service = Service::new().await;
        let parameters = Argon2Parameters::MINIMUM.with_memory_kib(8 * 1024).unwrap();
        let options = PasswordHasher::options().with_parameters(parameters.with_passes(2).unwrap());
        let hasher = options.with_permits(4).unwrap().with_queue_limit(8).unwrap().start().unwrap();
        let store = Arc::clone(service.accounts.store());
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        let costlier =
            Accounts::new(store, Arc::new(keys), hasher).with_clock(clock_fn(|| Some(NOW)));
        let log_in = || {
            let (user_name, password) = ("alice".to_owned(), PASSWORD.into());
            costlier.log_in(LoginRequest {
                user_name,
                password,
                client: at("192.0.2.1"),
                device_token: None,
            })
        };
        let all = [(); 4].map(|()| log_in());
        for outcome in futures_util::future::join_all(all).await {
            assert_eq!(code(outcome), "ok");
        }
    }
}

#[tokio::test]
async fn failed_evaluation_is_not_counted_and_is_released() {
    let service = Service::new().await;
    let (name, roles) = ("broken".parse().unwrap(), [].into());
    let new = NewAccount::new(name, roles, PasswordHash::new("$5$".to_owned()));
    let change = ChangeContext { at: NOW, client: at(""), actor: None };
    drop(service.accounts.store().create_account(new, &operator(), &change).await.unwrap());
    for _ in 0..10 {
        assert_eq!(code(service.log_in("broken", PASSWORD, "192.0.2.1").await), "unavailable");
    }
    assert_eq!(service.count(EventKind::LoginFailure).await, 0);
}

/// After the costs were raised, each attempt does the work of the outdated and the current ones,
/// until no outdated hash is left.
#[tokio::test]
async fn attempts_do_the_same_work_after_a_change_of_costs() {
    let service = Service::new().await;
    let parameters = Argon2Parameters::MINIMUM.with_passes(2).unwrap();
    let options = PasswordHasher::options().with_parameters(parameters);
    let hasher = options.with_permits(1).unwrap().with_queue_limit(8).unwrap().start().unwrap();
    let store = Arc::clone(service.accounts.store());
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let costlier =
        Accounts::new(store, Arc::new(keys), hasher.clone()).with_clock(clock_fn(|| Some(NOW)));
    let bob = costlier.create_user(None, "bob", PASSWORD.into(), [].into(), at("192.0.2.1"));
    bob.await.unwrap();
    let work = async |name: &str, password: &str, source: u32| {
        let before = hasher.evaluations();
        let (user_name, password) = (name.to_owned(), password.into());
        let client = at(&format!("198.51.100.{source}"));
        let request = LoginRequest { user_name, password, client, device_token: None };
        drop(costlier.log_in(request).await);
        hasher.evaluations() - before
    };
    // The sixth attempt of each name is locked.
    for _ in 0..6 {
        for name in ["alice", "bob", "nobody", "no name\u{200b}"] {
            assert_eq!(work(name, "wrong", 7).await, 2, "{name:?}");
        }
    }
    assert_eq!(work("bob", PASSWORD, 8).await, 2);
    assert_eq!(work("alice", PASSWORD, 8).await, 2, "a verification and a new hash");
    for name in ["alice", "bob", "nobody"] {
        assert_eq!(work(name, "wrong", 9).await, 1, "{name:?}: no outdated hash is left");
    }
}
