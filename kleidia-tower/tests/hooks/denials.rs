//! Denials: what the client and the audit log learn, and what they do not change.

use kleidia_tower::audit::{EventKind, Outcome};
use kleidia_tower::{ClientInfo, UserId};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::service::{NEW_PASSWORD, PASSWORD, Script, Service, assert_denied, assert_problem, set};

/// The code, and the reason with its invisible character replaced.
const RECORDED: &str = "subscription_ended: invoice 4711 is unpaid?";

#[tokio::test]
async fn denied_login_opens_no_session_and_is_no_wrong_password() {
    for service in Service::on_each_store().await {
        set(&service.scripts.login, Script::Deny);
        // More often than wrong passwords lock the login.
        for _ in 0..5 {
            assert_denied(&service.log_in("alice", PASSWORD).await);
        }
        let failures = service.records(EventKind::LoginFailure).await;
        assert_eq!(failures.len(), 5);
        for record in failures {
            assert_eq!(record.reason.as_deref(), Some(RECORDED));
            assert_eq!(record.outcome, Outcome::Failure);
            assert_eq!(record.user.unwrap().name, "alice");
            assert!(record.client.address.is_some());
        }
        assert_eq!(service.records(EventKind::SessionCreated).await, []);
        assert_eq!(service.records(EventKind::LoginLocked).await, []);
        set(&service.scripts.login, Script::Allow);
        service.tokens("alice").await;
    }
}

#[tokio::test]
async fn wrong_passwords_and_disabled_accounts_reach_no_hook() {
    for service in Service::on_each_store().await {
        set(&service.scripts.login, Script::Deny);
        let before = service.calls();
        let wrong = service.log_in("alice", "wrong password").await;
        assert_problem(&wrong, 401, "invalid_credentials");
        assert_problem(&service.log_in("mallory", PASSWORD).await, 401, "invalid_credentials");
        assert_eq!(service.calls(), before);
        set(&service.scripts.login, Script::Allow);
        let root = service.tokens("root").await;
        let alice = service.tokens("alice").await;
        let path = format!("/api/admin/users/{}", alice["user"]["id"]);
        let token = root["access_token"].as_str();
        let disabled = service.send("PATCH", &path, token, &json!({"disabled": true})).await;
        assert_eq!(disabled.0, 200, "{disabled:?}");
        let before = service.calls();
        assert_problem(&service.log_in("alice", PASSWORD).await, 401, "account_disabled");
        assert_problem(&service.refresh(&alice).await, 401, "account_disabled");
        assert_eq!(service.calls(), before);
    }
}

#[tokio::test]
async fn concealed_denial_is_answered_as_a_wrong_password() {
    for service in Service::on_each_store().await {
        set(&service.scripts.login, Script::Conceal);
        let denied = service.log_in("alice", PASSWORD).await;
        let wrong = service.log_in("alice", "wrong password").await;
        assert_problem(&wrong, 401, "invalid_credentials");
        assert_eq!(denied, wrong);
        let reasons = service.records(EventKind::LoginFailure).await;
        let reasons: Vec<_> = reasons.into_iter().filter_map(|record| record.reason).collect();
        assert_eq!(reasons, ["wrong-password", RECORDED]);
    }
}

#[tokio::test]
async fn denied_claims_deny_the_refresh_which_keeps_its_token() {
    for service in Service::on_each_store().await {
        let tokens = service.tokens("alice").await;
        set(&service.scripts.claims, Script::Deny);
        assert_denied(&service.log_in("alice", PASSWORD).await);
        for _ in 0..2 {
            assert_denied(&service.refresh(&tokens).await);
        }
        let refreshes = service.records(EventKind::TokenRefresh).await;
        let reasons: Vec<_> = refreshes.iter().filter_map(|it| it.reason.as_deref()).collect();
        assert_eq!(reasons, [RECORDED, RECORDED]);
        assert!(refreshes.iter().all(|record| record.session.is_some()));
        set(&service.scripts.claims, Script::Allow);
        let (status, successor) = service.refresh(&tokens).await;
        assert_eq!(status, 200, "{successor}");
        // A concealed denial concerns logins only.
        set(&service.scripts.claims, Script::Conceal);
        assert_denied(&service.refresh(&successor).await);
    }
}

#[tokio::test]
async fn denied_account_is_not_created() {
    for service in Service::on_each_store().await {
        let root = service.tokens("root").await;
        let token = root["access_token"].as_str();
        set(&service.scripts.creation, Script::Deny);
        let new = json!({"username": "bob", "password": PASSWORD});
        assert_denied(&service.send("POST", "/api/admin/users", token, &new).await);
        assert_problem(&service.log_in("bob", PASSWORD).await, 401, "invalid_credentials");
        let records = service.records(EventKind::PermissionDenied).await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].reason.as_deref(), Some(RECORDED));
        assert_eq!(records[0].user.as_ref().unwrap().name, "root");
        // What this crate rejects reaches no hook.
        let before = service.calls();
        for (name, password, status) in [("alice", PASSWORD, 409), ("carol", "short", 422)] {
            let new = json!({"username": name, "password": password});
            let answer = service.send("POST", "/api/admin/users", token, &new).await;
            assert_eq!(answer.0, status, "{answer:?}");
        }
        assert_eq!(service.calls(), before);
        set(&service.scripts.creation, Script::Allow);
        assert_eq!(service.send("POST", "/api/admin/users", token, &new).await.0, 201);
    }
}

#[tokio::test]
async fn denied_password_change_keeps_the_password() {
    for service in Service::on_each_store().await {
        let alice = service.tokens("alice").await;
        let token = alice["access_token"].as_str();
        set(&service.scripts.password, Script::Deny);
        let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
        assert_denied(&service.send("POST", "/api/auth/password", token, &change).await);
        let records = service.records(EventKind::PermissionDenied).await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].reason.as_deref(), Some(RECORDED));
        assert_eq!(records[0].user.as_ref().unwrap().name, "alice");
        let before = service.calls();
        let wrong = json!({"current_password": "wrong", "new_password": NEW_PASSWORD});
        let answer = service.send("POST", "/api/auth/password", token, &wrong).await;
        assert_problem(&answer, 422, "current_password_wrong");
        assert_eq!(service.calls(), before);
        service.tokens("alice").await;
        set(&service.scripts.password, Script::Allow);
        assert_eq!(service.send("POST", "/api/auth/password", token, &change).await.0, 204);
        assert_eq!(service.log_in("alice", NEW_PASSWORD).await.0, 200);
    }
}

#[tokio::test]
async fn denied_recovery_keeps_the_code_and_the_password() {
    for service in Service::on_each_store().await {
        let alice = service.tokens("alice").await;
        let id = alice["user"]["id"].as_i64().unwrap();
        let client = ClientInfo::default();
        let issued = service.accounts.issue_recovery_code(None, UserId::new(id), client).await;
        let code = issued.unwrap().code;
        let body = json!({"code": code.expose_secret(), "password": NEW_PASSWORD});
        for (script, status) in [(Script::Deny, 403), (Script::Panic, 503)] {
            set(&service.scripts.password, script);
            let answer = service.send("POST", "/api/auth/recover", None, &body).await;
            assert_eq!(answer.0, status, "{answer:?}");
        }
        service.tokens("alice").await;
        set(&service.scripts.password, Script::Allow);
        let answer = service.send("POST", "/api/auth/recover", None, &body).await;
        assert!([200, 204].contains(&answer.0), "{answer:?}");
        assert_eq!(service.log_in("alice", NEW_PASSWORD).await.0, 200);
    }
}
