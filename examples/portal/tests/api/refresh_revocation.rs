//! Refresh tokens are revoked by logout, revocation, disabling and a password change.

use serde_json::json;

use crate::portal::{PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn logout_revokes_refresh_tokens() {
    let portal = Portal::start(&[]);
    let (logged_out, active) = (portal.log_in_admin().await, portal.log_in_admin().await);
    let next = Tokens::from_response(&portal.refresh(&logged_out.refresh).await);
    portal.post("/api/auth/logout").auth(&next).send().await.expect_no_content();
    // The used token is revoked too, within its grace period.
    for token in [&next.refresh, &logged_out.refresh] {
        portal.refresh(token).await.expect_problem(401, "refresh_invalid");
    }
    Tokens::from_response(&portal.refresh(&active.refresh).await);
}

#[tokio::test]
async fn logout_everywhere_revokes_refresh_tokens() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (alice, other) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    portal.post("/api/auth/logout-all").auth(&alice).send().await.expect_no_content();
    for tokens in [&alice, &other] {
        portal.refresh(&tokens.refresh).await.expect_problem(401, "refresh_invalid");
        portal.get("/api/session").auth(tokens).send().await.expect_problem(401, "session_expired");
    }
    Tokens::from_response(&portal.refresh(&admin.refresh).await);
}

#[tokio::test]
async fn password_change_revokes_refresh_tokens() {
    let portal = Portal::start(&[]);
    let (current, other) = (portal.log_in_admin().await, portal.log_in_admin().await);
    let body = json!({"current_password": PASSWORD, "new_password": "staple battery horse"});
    portal.post("/api/auth/password").auth(&current).json(&body).send().await.expect_no_content();
    portal.refresh(&other.refresh).await.expect_problem(401, "refresh_invalid");
    portal.get("/api/session").auth(&other).send().await.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn ending_a_session_revokes_its_refresh_tokens() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (one, two) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    let path = format!("/api/session/{}", two.session);
    portal.delete(&path).auth(&one).send().await.expect_no_content();
    portal.refresh(&two.refresh).await.expect_problem(401, "refresh_invalid");
    let path = format!("/api/admin/users/{}/sessions", one.user);
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    portal.refresh(&one.refresh).await.expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn disabling_revokes_refresh_tokens() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.patch(&path).auth(&admin).json(&json!({"disabled": true})).send().await.expect_json();
    portal.refresh(&alice.refresh).await.expect_problem(401, "account_disabled");
    portal.patch(&path).auth(&admin).json(&json!({"disabled": false})).send().await.expect_json();
    portal.refresh(&alice.refresh).await.expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn rejects_expired_refresh_tokens() {
    let portal = Portal::start(&["--refresh-ttl", "1s"]);
    let admin = portal.log_in_admin().await;
    let rejected = crate::tokens::wait_for(async || {
        let expires_at = admin.part(1)["iat"].as_i64().unwrap() + 1;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        if now.cast_signed() < expires_at {
            return None;
        }
        Some(portal.refresh(&admin.refresh).await)
    });
    rejected.await.expect_problem(401, "refresh_invalid");
}
