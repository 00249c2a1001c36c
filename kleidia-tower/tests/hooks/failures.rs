//! Hooks that fail, panic or hang: 503, and nothing is allowed.

use kleidia_tower::audit::EventKind;
use serde_json::json;

use crate::service::{NEW_PASSWORD, PASSWORD, Script, Service, assert_problem, set};

const FAILURES: [Script; 3] = [Script::Fail, Script::Panic, Script::Hang];

#[tokio::test]
async fn failing_hook_allows_no_login_and_counts_no_failure() {
    for service in Service::on_each_store().await {
        for script in FAILURES {
            for hook in [&service.scripts.login, &service.scripts.claims] {
                set(hook, script.clone());
                // More often than wrong passwords lock the login.
                for _ in 0..3 {
                    let answer = service.log_in("alice", PASSWORD).await;
                    assert_problem(&answer, 503, "unavailable");
                    assert!(answer.1.get("denial").is_none(), "{answer:?}");
                    assert!(!answer.1.to_string().contains("billing"), "{answer:?}");
                }
                set(hook, Script::Allow);
            }
        }
        assert_eq!(service.records(EventKind::SessionCreated).await, []);
        assert_eq!(service.records(EventKind::LoginLocked).await, []);
        service.tokens("alice").await;
    }
}

#[tokio::test]
async fn failing_hook_consumes_no_refresh_token() {
    for service in Service::on_each_store().await {
        let tokens = service.tokens("alice").await;
        for script in FAILURES {
            set(&service.scripts.claims, script);
            assert_problem(&service.refresh(&tokens).await, 503, "unavailable");
        }
        set(&service.scripts.claims, Script::Allow);
        assert_eq!(service.records(EventKind::TokenRefresh).await, []);
        let (status, successor) = service.refresh(&tokens).await;
        assert_eq!(status, 200, "{successor}");
    }
}

/// A stolen token must end its session even if no hook responds.
#[tokio::test]
async fn reuse_is_detected_while_hooks_fail() {
    for service in Service::on_each_store().await {
        let tokens = service.tokens("alice").await;
        assert_eq!(service.refresh(&tokens).await.0, 200);
        set(&service.scripts.claims, Script::Hang);
        assert_problem(&service.refresh(&tokens).await, 401, "refresh_reused");
    }
}

#[tokio::test]
async fn failing_hook_creates_no_account_and_changes_no_password() {
    for service in Service::on_each_store().await {
        let root = service.tokens("root").await;
        let token = root["access_token"].as_str();
        let new = json!({"username": "bob", "password": PASSWORD});
        let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
        for script in FAILURES {
            set(&service.scripts.creation, script.clone());
            let answer = service.send("POST", "/api/admin/users", token, &new).await;
            assert_problem(&answer, 503, "unavailable");
            set(&service.scripts.password, script);
            let answer = service.send("POST", "/api/auth/password", token, &change).await;
            assert_problem(&answer, 503, "unavailable");
        }
        assert_problem(&service.log_in("bob", PASSWORD).await, 401, "invalid_credentials");
        service.tokens("root").await;
        let users = service.send("GET", "/api/admin/users", token, &json!(null)).await;
        assert_eq!(users.0, 200, "{users:?}");
    }
}
