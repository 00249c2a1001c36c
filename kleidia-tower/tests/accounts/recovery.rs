//! One-time codes: guessed, replayed, used at once, expired, replaced, of disabled accounts.

use kleidia_tower::account::{AccountError, AccountUpdate, NewUser, RecoveryRequest};
use kleidia_tower::audit::{EventKind, Outcome};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::{ClientInfo, Principal, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{PASSWORD, Service, at, code};

const NEW: &str = "another passphrase of mine";

impl Service {
    async fn issue(&self, user: UserId) -> SecretString {
        let issued = self.accounts.issue_recovery_code(None, user, ClientInfo::default()).await;
        issued.unwrap().code
    }

    async fn recover(&self, code: &SecretString, name: Option<&str>, new: &str) -> &'static str {
        let request = RecoveryRequest {
            code: code.clone(),
            user_name: name.map(str::to_owned),
            password: new.into(),
            client: at("192.0.2.1"),
        };
        crate::code(self.accounts.recover(request).await)
    }

    /// Returns the reasons of rejected codes, newest first, and whether each has a user.
    async fn rejections(&self) -> Vec<(String, bool)> {
        let mut records = self.records(Some(EventKind::RecoveryUsed)).await;
        records.retain(|record| record.outcome == Outcome::Failure);
        records.into_iter().map(|it| (it.reason.unwrap(), it.user.is_some())).collect()
    }

    async fn new_admin(&self, name: &str) -> Principal {
        let roles = [RoleName::admin()].into();
        let created =
            self.accounts.create_user(None, name, PASSWORD.into(), roles, at("192.0.2.1"));
        created.await.unwrap();
        let tokens = self.log_in(name, PASSWORD, "192.0.2.1").await.unwrap();
        kleidia_tower::testing::user(tokens.session)
    }
}

#[tokio::test]
async fn code_sets_a_password_once() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let issued = service.issue(service.alice.id).await;
    assert_eq!(issued.expose_secret().len(), 43, "256 random bits");
    assert_eq!(service.recover(&issued, Some("Alice"), NEW).await, "ok");
    assert_eq!(service.authenticate(&alice.access_token).await, "session_expired");
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "refresh_invalid");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "invalid_credentials");
    assert_eq!(code(service.log_in("alice", NEW, "192.0.2.1").await), "ok");
    assert_eq!(service.recover(&issued, None, "a third passphrase").await, "code_invalid");
    assert_eq!(service.rejections().await, [("code-unknown".to_owned(), false)]);
    assert_eq!(service.count(EventKind::RecoveryIssued).await, 1);
}

#[tokio::test]
async fn of_uses_at_once_one_wins() {
    let service = Service::new().await;
    let issued = service.issue(service.alice.id).await;
    let passwords: Vec<_> = (0..8).map(|number| format!("{NEW} {number}")).collect();
    let uses = passwords.iter().map(|new| service.recover(&issued, None, new));
    let outcomes = futures_util::future::join_all(uses).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "ok").count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|it| ["ok", "code_invalid"].contains(it)), "{outcomes:?}");
    let winner = outcomes.iter().position(|outcome| *outcome == "ok").unwrap();
    let login = service.log_in("alice", &passwords[winner], "192.0.2.1").await;
    assert_eq!(code(login), "ok");
}

#[tokio::test]
async fn codes_that_are_not_valid_get_the_same_answer() {
    let service = Service::new().await;
    let guess: SecretString = "A".repeat(43).into();
    for guess in ["", "123456", &"A".repeat(42)].map(SecretString::from).iter().chain([&guess]) {
        assert_eq!(service.recover(guess, Some("alice"), NEW).await, "code_invalid");
    }
    let replaced = service.issue(service.alice.id).await;
    let issued = service.issue(service.alice.id).await;
    assert_eq!(service.recover(&replaced, None, NEW).await, "code_invalid");
    for name in ["bob", "al\u{200b}ice", ""] {
        assert_eq!(service.recover(&issued, Some(name), NEW).await, "code_invalid");
    }
    service.advance_clock(3600);
    assert_eq!(service.recover(&issued, None, NEW).await, "code_invalid");
    let reasons = service.rejections().await;
    assert_eq!(reasons[0], ("code-expired".to_owned(), true));
    assert!(reasons.contains(&("code-of-other-user".to_owned(), true)), "{reasons:?}");
    assert_eq!(reasons.last(), Some(&("code-unknown".to_owned(), false)));
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn code_ends_when_the_account_is_disabled() {
    let service = Service::new().await;
    let root = service.new_admin("root").await;
    let issued = service.issue(service.alice.id).await;
    for is_disabled in [true, false] {
        let update = AccountUpdate { is_disabled: Some(is_disabled), roles: None };
        service.accounts.update_user(Some(&root), service.alice.id, update, at("")).await.unwrap();
        assert_eq!(service.recover(&issued, None, NEW).await, "code_invalid");
        let again =
            service.accounts.issue_recovery_code(Some(&root), service.alice.id, at("")).await;
        assert_eq!(code(again), if is_disabled { "user_disabled" } else { "ok" });
    }
}

#[tokio::test]
async fn rejected_password_uses_up_no_code() {
    let service = Service::new().await;
    let issued = service.issue(service.alice.id).await;
    for rejected in ["short", "alice", PASSWORD] {
        assert_eq!(service.recover(&issued, None, rejected).await, "password_rejected");
    }
    assert_eq!(service.recover(&issued, None, NEW).await, "ok");
}

#[tokio::test]
async fn code_removes_the_lock_of_the_login() {
    let service = Service::new().await;
    while service.count(EventKind::LoginLocked).await == 0 {
        drop(service.log_in("alice", "wrong", "192.0.2.1").await);
    }
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "invalid_credentials");
    let issued = service.issue(service.alice.id).await;
    assert_eq!(service.recover(&issued, None, NEW).await, "ok");
    assert_eq!(code(service.log_in("alice", NEW, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn nobody_takes_over_an_account_with_more_permissions() {
    let service = Service::new().await;
    let root = service.new_admin("root").await;
    let alice = kleidia_tower::testing::user(service.alice().await.session);
    let id = root.user_id().unwrap();
    let denied = service.accounts.issue_recovery_code(Some(&alice), id, at("192.0.2.1")).await;
    assert_eq!(code(denied), "permission_denied");
    assert_eq!(service.count(EventKind::PermissionDenied).await, 1);
    let issued = service.accounts.issue_recovery_code(Some(&root), id, at("192.0.2.1")).await;
    assert_eq!(code(issued), "ok");
}

#[tokio::test]
async fn new_account_without_a_password_gets_a_code() {
    let service = Service::new().await;
    let created = service.accounts.create(None, NewUser::new("bob"), at("192.0.2.1")).await;
    let created = created.unwrap();
    let evaluations = service.hasher.evaluations();
    for password in ["", PASSWORD] {
        let login = service.log_in("bob", password, "192.0.2.1").await;
        assert_eq!(code(login), "invalid_credentials");
    }
    assert_eq!(service.hasher.evaluations(), evaluations + 2, "as with a wrong password");
    let issued = created.code.unwrap();
    assert_eq!(issued.expires_at, crate::later(3600));
    assert_eq!(service.recover(&issued.code, None, NEW).await, "ok");
    let bob = service.log_in("bob", NEW, "192.0.2.1").await.unwrap();
    assert_eq!(bob.session.account.id, created.account.id);
}

#[tokio::test]
async fn temporary_password_has_to_be_changed() {
    let service = Service::new().await;
    let new = NewUser::new("bob").with_temporary_password(PASSWORD.into());
    let created = service.accounts.create(None, new, at("192.0.2.1")).await.unwrap();
    assert!(created.code.is_none());
    let authenticator = service.accounts.authenticator();
    let bob = service.log_in("bob", PASSWORD, "192.0.2.1").await.unwrap();
    assert_eq!(code(authenticator.check_password_age(&bob.session.account)), "password_expired");
    let changed = service.accounts.change_password(
        &bob.session,
        PASSWORD.into(),
        NEW.into(),
        at("192.0.2.1"),
    );
    assert_eq!(code(changed.await), "ok");
    let view = authenticator.authenticate(bob.access_token.expose_secret()).await.unwrap();
    assert_eq!(code(authenticator.check_password_age(&view.account)), "ok");

    let client = at("192.0.2.1");
    let required = service.accounts.require_password_change(None, view.account.id, client).await;
    assert!(required.unwrap().must_change_password);
    let view = authenticator.authenticate(bob.access_token.expose_secret()).await.unwrap();
    assert_eq!(code(authenticator.check_password_age(&view.account)), "password_expired");
    let unknown = service.accounts.require_password_change(None, UserId::new(99), at("")).await;
    assert!(matches!(unknown, Err(AccountError::UserNotFound)), "{unknown:?}");
}
