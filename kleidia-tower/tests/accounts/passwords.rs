//! Changing passwords.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountError, AccountSettings, Accounts, LoginRequest};
use kleidia_tower::audit::EventKind;
use kleidia_tower::clock_fn;
use kleidia_tower::password::{
    Argon2Parameters, BreachedPasswordError, BreachedPasswords, PasswordHasher, PasswordPolicy,
    PasswordViolation,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{NOW, PASSWORD, Service, at, code};

const OTHER: &str = "Tr0ub4dor and three";

async fn change(service: &Service, from: &str, to: &str) -> Result<(), AccountError> {
    let view = service.log_in("alice", from, "192.0.2.1").await.unwrap().session;
    service.accounts.change_password(&view, from.into(), to.into(), at("192.0.2.1")).await
}

#[tokio::test]
async fn change_ends_other_sessions_and_all_refresh_tokens() {
    let service = Service::new().await;
    let (here, there) = (service.alice().await, service.alice().await);
    let (current, new) = (PASSWORD.into(), OTHER.into());
    let changed = service.accounts.change_password(&here.session, current, new, at("192.0.2.1"));
    changed.await.unwrap();
    assert_eq!(service.authenticate(&here.access_token).await, "ok");
    assert_eq!(service.authenticate(&there.access_token).await, "session_expired");
    for tokens in [here, there] {
        assert_eq!(code(service.refresh(&tokens.refresh_token).await), "refresh_invalid");
    }
    let old = service.log_in("alice", PASSWORD, "192.0.2.1").await;
    assert_eq!(code(old), "invalid_credentials");
    assert_eq!(code(service.log_in("alice", OTHER, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn reports_all_violations() {
    let policy = PasswordPolicy::default().with_history(2).unwrap();
    let settings = AccountSettings::default().with_password_policy(policy);
    let service = Service::with_settings(settings).await;
    let Err(AccountError::PasswordRejected(violations)) = change(&service, PASSWORD, "alice").await
    else {
        panic!("accepted");
    };
    assert_eq!(
        violations,
        [PasswordViolation::TooShort { min: 8 }, PasswordViolation::ContainsUserName]
    );
    for (from, to) in [(PASSWORD, OTHER), (OTHER, "a third password")] {
        change(&service, from, to).await.unwrap();
    }
    for used in [PASSWORD, OTHER, "a third password"] {
        let rejected = change(&service, "a third password", used).await;
        let Err(AccountError::PasswordRejected(violations)) = rejected else { panic!("accepted") };
        assert_eq!(violations, [PasswordViolation::UsedBefore], "{used}");
    }
    change(&service, "a third password", "a fourth password").await.unwrap();
    change(&service, "a fourth password", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn expired_password_allows_login_only() {
    let policy = PasswordPolicy::default().with_max_age(Duration::from_secs(86_400)).unwrap();
    let settings = AccountSettings::default().with_password_policy(policy);
    let service = Service::with_settings(settings).await;
    let authenticator = service.accounts.authenticator();
    service.advance_clock(86_399);
    let alice = service.alice().await;
    assert_eq!(code(authenticator.check_password_age(&alice.session.account)), "ok");
    service.advance_clock(1);
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
    let rejected = authenticator.check_password_age(&alice.session.account);
    assert_eq!(code(rejected), "password_expired");
    change(&service, PASSWORD, OTHER).await.unwrap();
    let token = alice.access_token.expose_secret();
    let alice = service.log_in("alice", OTHER, "192.0.2.1").await.unwrap();
    assert_eq!(code(authenticator.check_password_age(&alice.session.account)), "ok");
    assert_eq!(code(authenticator.authenticate(token).await), "session_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_concurrent_changes_succeeds() {
    let service = Service::new().await;
    let view = service.alice().await.session;
    let changes = ["the one password", "the other password"].map(|new| {
        let (accounts, view) = (service.accounts.clone(), view.clone());
        let (current, new) = (PASSWORD.into(), new.into());
        tokio::spawn(
            async move { accounts.change_password(&view, current, new, at("192.0.2.1")).await },
        )
    });
    let mut codes = Vec::new();
    for change in changes {
        codes.push(code(change.await.unwrap()));
    }
    codes.sort_unstable();
    assert_eq!(codes, ["current_password_wrong", "ok"]);
    assert_eq!(service.count(EventKind::PasswordChanged).await, 1);
}

#[tokio::test]
async fn wrong_current_passwords_have_their_own_code_and_lock() {
    let service = Service::new().await;
    let view = service.alice().await.session;
    let change = async |current: &str| {
        let (current, new) = (current.into(), OTHER.into());
        code(service.accounts.change_password(&view, current, new, at("192.0.2.1")).await)
    };
    for _ in 0..5 {
        assert_eq!(change("wrong").await, "current_password_wrong");
    }
    // The right one is not verified any more, and nothing tells the difference.
    assert_eq!(change(PASSWORD).await, "current_password_wrong");
    assert_eq!(service.count(EventKind::LoginFailure).await, 5);
    assert_eq!(service.count(EventKind::PasswordChanged).await, 0);
    // The lock is that of the session: the login has its own.
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
    service.advance_clock(60);
    assert_eq!(change(PASSWORD).await, "ok");
}

/// Replaces the stored hash while a new password is checked, after the current one was verified: a
/// login with other costs hashes the password again.
struct Rehashing(Accounts);

#[async_trait]
impl BreachedPasswords for Rehashing {
    async fn contains(&self, _: &SecretString) -> Result<bool, BreachedPasswordError> {
        let (user_name, password) = ("alice".to_owned(), PASSWORD.into());
        let client = at("192.0.2.1");
        let request = LoginRequest { user_name, password, client, device_token: None };
        self.0.log_in(request).await.unwrap();
        Ok(false)
    }
}

#[tokio::test]
async fn concurrent_rehash_does_not_fail_a_change() {
    let service = Service::new().await;
    let view = service.alice().await.session;
    let parameters = Argon2Parameters::MINIMUM.with_passes(2).unwrap();
    let hasher = PasswordHasher::options().with_parameters(parameters).start().unwrap();
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let costlier = Accounts::new(Arc::clone(service.accounts.store()), Arc::new(keys), hasher)
        .with_clock(clock_fn(|| Some(NOW)));
    let accounts = service.accounts.clone().with_breached_passwords(Rehashing(costlier));
    let changed = accounts.change_password(&view, PASSWORD.into(), OTHER.into(), at("192.0.2.1"));
    assert_eq!(code(changed.await), "ok");
    assert_eq!(service.count(EventKind::LoginFailure).await, 0);
    assert_eq!(code(service.log_in("alice", OTHER, "192.0.2.1").await), "ok");
}
