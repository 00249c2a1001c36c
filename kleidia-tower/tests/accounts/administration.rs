//! Operations of admins, and their audit records.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use kleidia_tower::account::{Account, AccountError, AccountUpdate};
use kleidia_tower::audit::{AuditQuery, EventKind, Outcome};
use kleidia_tower::password::{BreachedPasswordError, BreachedPasswords, PasswordViolation};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::JwtSessionLayer;
use kleidia_tower::{ClientInfo, Principal};
use secrecy::{ExposeSecret as _, SecretString};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{PASSWORD, Service, at, code};

impl Service {
    /// Creates an admin, and logs in.
    async fn admin(&self) -> Principal {
        let roles = [RoleName::admin()].into();
        let created = self.accounts.create_user(None, "root", PASSWORD.into(), roles, at(""));
        created.await.unwrap();
        self.principal("root").await
    }

    /// Logs in, and returns the principal that the layer inserts.
    async fn principal(&self, name: &str) -> Principal {
        let token = self.log_in(name, PASSWORD, "192.0.2.200").await.unwrap().access_token;
        let principal = Arc::new(Mutex::new(None));
        let inner = service_fn(|request: Request<()>| {
            *principal.lock().unwrap() = request.extensions().get::<Principal>().cloned();
            async { Ok::<_, Infallible>(Response::new(())) }
        });
        let layer = JwtSessionLayer::new(self.accounts.authenticator());
        let authorization = format!("Bearer {}", token.expose_secret());
        let request = Request::builder().header(AUTHORIZATION, authorization).body(()).unwrap();
        layer.layer(inner).oneshot(request).await.unwrap();
        principal.lock().unwrap().take().unwrap()
    }

    async fn create(&self, name: &str, password: &str) -> Result<Arc<Account>, AccountError> {
        let roles = [RoleName::user()].into();
        self.accounts.create_user(None, name, password.into(), roles, ClientInfo::default()).await
    }
}

#[tokio::test]
async fn creates_unique_accounts_with_valid_passwords() {
    let service = Service::new().await;
    assert_eq!(code(service.create("bob", PASSWORD).await), "ok");
    for variant in ["bob", "BOB", "\u{ff42}ob"] {
        assert_eq!(code(service.create(variant, PASSWORD).await), "name_taken", "{variant}");
    }
    for name in ["", "b\u{200b}ob", "b\nob"] {
        assert_eq!(code(service.create(name, PASSWORD).await), "malformed_request", "{name:?}");
    }
    assert_eq!(code(service.create("carol", "short").await), "password_rejected");
    assert_eq!(code(service.log_in("Bob", PASSWORD, "192.0.2.3").await), "ok");
    let created = service.records(Some(EventKind::UserCreated)).await;
    let names = created.iter().map(|record| record.user.as_ref().unwrap().name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["bob", "alice"]);
}

/// A list that contains one password, and is unavailable for most others.
struct Breached;

#[async_trait]
impl BreachedPasswords for Breached {
    async fn contains(&self, password: &SecretString) -> Result<bool, BreachedPasswordError> {
        match password.expose_secret() {
            "letmein letmein" => Ok(true),
            PASSWORD => Ok(false),
            _ => Err(BreachedPasswordError::new("list unavailable")),
        }
    }
}

#[tokio::test]
async fn rejects_password_if_breach_list_is_unavailable() {
    let mut service = Service::new().await;
    service.accounts = service.accounts.clone().with_breached_passwords(Breached);
    let rejected = service.create("bob", "letmein letmein").await;
    let Err(AccountError::PasswordRejected(violations)) = rejected else { panic!("accepted") };
    assert_eq!(violations, [PasswordViolation::Breached]);
    assert_eq!(code(service.create("bob", "an unchecked password").await), "unavailable");
    assert_eq!(code(service.create("bob", PASSWORD).await), "ok");
}

#[tokio::test]
async fn changes_by_admins_record_the_actor() {
    let service = Service::new().await;
    let (admin, alice) = (service.admin().await, service.alice().await);
    let roles = BTreeSet::from([RoleName::admin(), RoleName::user()]);
    let update = AccountUpdate { is_disabled: Some(true), roles: Some(roles.clone()) };
    let id = service.alice.id;
    let updated =
        service.accounts.update_user(Some(&admin), id, update.clone(), at("")).await.unwrap();
    assert_eq!((updated.is_disabled, &updated.roles), (true, &roles));
    assert_eq!(service.authenticate(&alice.access_token).await, "account_disabled");
    // Repeating the update changes nothing, and is not recorded.
    service.accounts.update_user(Some(&admin), id, update, at("")).await.unwrap();
    for (kind, reason) in [
        (EventKind::UserDisabled, None),
        (EventKind::RoleChanged, Some("user -> admin,user")),
        (EventKind::SessionEnded, Some("disabled")),
    ] {
        let records = service.records(Some(kind)).await;
        let [record] = &records[..] else { panic!("{kind}: {}", records.len()) };
        assert_eq!(record.actor.as_ref(), Some(&admin.audit_identity()), "{kind}");
        assert_eq!(record.user.as_ref().unwrap().id, Some(id), "{kind}");
        assert_eq!(record.reason.as_deref(), reason, "{kind}");
    }
}

#[tokio::test]
async fn admin_removes_locks() {
    let service = Service::new().await;
    let admin = service.admin().await;
    for _ in 0..5 {
        let wrong = service.log_in("alice", "wrong", "192.0.2.9").await;
        assert_eq!(code(wrong), "invalid_credentials");
    }
    let locked = service.log_in("alice", PASSWORD, "192.0.2.9").await;
    assert_eq!(code(locked), "invalid_credentials");
    service.accounts.unlock(&admin, service.alice.id, at("")).await.unwrap();
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.9").await), "ok");
    let unlocked = service.records(Some(EventKind::LoginUnlocked)).await;
    assert_eq!(unlocked[0].actor.as_ref(), Some(&admin.audit_identity()));
}

#[tokio::test]
async fn admin_ends_all_sessions_of_a_user() {
    let service = Service::new().await;
    let (admin, id) = (service.admin().await, service.alice.id);
    let alice = [service.alice().await, service.alice().await];
    service.accounts.end_user_sessions(Some(&admin), id, at("")).await.unwrap();
    for tokens in alice {
        assert_eq!(service.authenticate(&tokens.access_token).await, "session_expired");
        assert_eq!(code(service.refresh(&tokens.refresh_token).await), "refresh_invalid");
    }
    let ended = service.records(Some(EventKind::SessionEnded)).await;
    assert_eq!(ended.len(), 2);
    assert!(ended.iter().all(|record| record.reason.as_deref() == Some("revoked-by-admin")));
    assert_eq!(service.count(EventKind::Logout).await, 0);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn unknown_user_is_not_found() {
    let service = Service::new().await;
    let (accounts, admin) = (&service.accounts, service.admin().await);
    let update = AccountUpdate { is_disabled: Some(true), roles: None };
    let unknown = kleidia_tower::UserId::new(99);
    assert_eq!(
        code(accounts.update_user(Some(&admin), unknown, update, at("")).await),
        "not_found"
    );
    assert_eq!(code(accounts.unlock(&admin, unknown, at("")).await), "not_found");
    assert_eq!(code(accounts.end_user_sessions(Some(&admin), unknown, at("")).await), "not_found");
    assert!(accounts.user(unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn users_and_audit_log_are_paginated() {
    let service = Service::new().await;
    for index in 0..5 {
        service.create(&format!("user-{index}"), PASSWORD).await.unwrap();
    }
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = service.accounts.users(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        names.extend(page.iter().map(|account| account.name.to_string()));
    }
    assert_eq!(names, ["alice", "user-0", "user-1", "user-2", "user-3", "user-4"]);

    assert_eq!(code(service.log_in("alice", "wrong", "192.0.2.1").await), "invalid_credentials");
    let query = AuditQuery {
        user: Some("alice".to_owned()),
        outcome: Some(Outcome::Failure),
        limit: 10,
        ..AuditQuery::default()
    };
    let [record] = &service.accounts.audit(&query).await.unwrap()[..] else {
        panic!("expected 1 record")
    };
    assert_eq!(record.kind, EventKind::LoginFailure);
    let before = AuditQuery { before: Some(record.sequence), limit: 2, ..AuditQuery::default() };
    let earlier = service.accounts.audit(&before).await.unwrap();
    let sequences = earlier.iter().map(|earlier| earlier.sequence).collect::<Vec<_>>();
    assert_eq!(sequences, [record.sequence - 1, record.sequence - 2]);
}

/// Each rule for roles, without HTTP. The denial is recorded.
#[tokio::test]
async fn roles_are_assigned_under_the_rules() {
    let service = Service::new().await;
    let (admin, id) = (service.admin().await, service.alice.id);
    let accounts = &service.accounts;
    let change = async |role: &str| {
        let roles = Some([role.parse().unwrap()].into());
        let update = AccountUpdate { is_disabled: None, roles };
        code(accounts.update_user(Some(&admin), id, update, at("192.0.2.200")).await)
    };
    assert_eq!(change("ghost").await, "malformed_request");
    assert_eq!(change("admin").await, "ok");
    // The first admin is disabled by the other one, and then may not assign roles any more.
    let root = admin.user_id().unwrap();
    let update = AccountUpdate { is_disabled: Some(true), roles: None };
    let alice = service.principal("alice").await;
    assert_eq!(code(accounts.update_user(Some(&alice), root, update.clone(), at("")).await), "ok");
    assert_eq!(change("user").await, "permission_denied");
    let denied = service.records(Some(EventKind::PermissionDenied)).await;
    let [record] = &denied[..] else { panic!("{} records", denied.len()) };
    assert_eq!(record.user.as_ref(), Some(&admin.audit_identity()));
    assert_eq!(record.session, admin.session_id());
    assert_eq!(record.reason.as_deref(), Some("missing permission roles:assign"));
    assert_eq!(record.client, at("192.0.2.200"));
    assert_eq!(code(accounts.update_user(Some(&alice), id, update, at("")).await), "last_admin");
}
