//! `POST /api/auth/password`: changes the password of users who present the current one.

use serde_json::{Value, json};

use crate::portal::{PASSWORD, Portal};
use crate::response::ApiResponse;
use crate::tokens::Tokens;

const NEW_PASSWORD: &str = "staple battery horse";

async fn change(portal: &Portal, tokens: &Tokens, current: &str, new: &str) -> ApiResponse {
    let body = json!({"current_password": current, "new_password": new});
    portal.post("/api/auth/password").auth(tokens).json(&body).send().await
}

#[tokio::test]
async fn change_ends_all_other_sessions() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (alice, other) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    change(&portal, &alice, PASSWORD, NEW_PASSWORD).await.expect_no_content();
    portal.get("/api/session").auth(&alice).send().await.expect_json();
    portal.get("/api/session").auth(&other).send().await.expect_problem(401, "session_expired");
    portal.get("/api/session").auth(&admin).send().await.expect_json();
    portal.login_request("alice", PASSWORD).send().await.expect_problem(401, "invalid_credentials");
    portal.login_request("alice", NEW_PASSWORD).send().await.expect_json();

    let changed = portal.audit(&admin, "event=password.changed").await;
    assert_eq!((changed.len(), &changed[0]["user"]), (1, &json!("alice")));
    let ended = portal.audit(&admin, "event=session.ended&user=alice").await;
    assert_eq!((ended.len(), &ended[0]["reason"]), (1, &json!("password-changed")));
    assert_eq!(ended[0]["session"], other.session);
}

#[tokio::test]
async fn rejects_wrong_current_password() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let wrong = change(&portal, &admin, "not this one", NEW_PASSWORD).await;
    let problem = wrong.expect_problem(422, "current_password_wrong");
    assert_eq!(problem["errors"][0]["field"], "current_password");
    portal
        .login_request("root", NEW_PASSWORD)
        .send()
        .await
        .expect_problem(401, "invalid_credentials");
    portal.log_in_admin().await;
}

/// A stolen token must not allow guessing the password.
#[tokio::test]
async fn locks_after_wrong_current_passwords() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "10m"]);
    let admin = portal.log_in_admin().await;
    let first = change(&portal, &admin, "not this one", NEW_PASSWORD).await;
    change(&portal, &admin, "nor this one", NEW_PASSWORD)
        .await
        .expect_problem(422, "current_password_wrong");
    let locked = change(&portal, &admin, PASSWORD, NEW_PASSWORD).await;
    locked.expect_problem(422, "current_password_wrong");
    assert_eq!(locked.without_date(), first.without_date());
    portal.get("/api/session").auth(&admin).send().await.expect_json();
}

/// A stolen token must not keep the hashing threads busy either.
#[tokio::test]
async fn login_limit_applies_to_password_changes() {
    let portal = Portal::start(&["--login-limit", "3/60"]);
    let admin = portal.log_in_admin().await;
    for _ in 0..2 {
        let wrong = change(&portal, &admin, "not this one", NEW_PASSWORD).await;
        wrong.expect_problem(422, "current_password_wrong");
    }
    let limited = change(&portal, &admin, PASSWORD, NEW_PASSWORD).await;
    limited.expect_problem(429, "rate_limited");
    portal.login_request("root", PASSWORD).send().await.expect_problem(429, "rate_limited");
    portal.get("/api/session").auth(&admin).send().await.expect_json();
}

#[tokio::test]
async fn rejects_invalid_password_with_all_reasons() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let long = "x".repeat(1025);
    for (new, expected) in [
        ("seven c", &["too_short"][..]),
        ("I am aLiCe the 1st", &["user_name"]),
        ("alice", &["too_short", "user_name"]),
        (PASSWORD, &["used_before"]),
        (&long, &["too_long"]),
        ("", &["too_short"]),
    ] {
        let problem = change(&portal, &alice, PASSWORD, new).await;
        let problem = problem.expect_problem(422, "password_rejected");
        let reasons = problem["reasons"].as_array().unwrap();
        let codes: Vec<_> = reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect();
        assert_eq!(codes, expected, "{new}");
        assert!(
            reasons.iter().all(|reason| reason["detail"].as_str().is_some_and(|d| !d.is_empty()))
        );
    }
    portal.log_in("alice").await;
}

#[tokio::test]
async fn accepts_unicode_passwords_in_any_normal_form() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let long = format!("p\u{e4}ssw\u{f6}rd \u{1f511} {}", "x".repeat(118));
    assert!(long.chars().count() >= 128);
    change(&portal, &alice, PASSWORD, &long).await.expect_no_content();
    portal.login_request("alice", &long).send().await.expect_json();
    let decomposed = long.replace('\u{e4}', "a\u{308}").replace('\u{f6}', "o\u{308}");
    portal.login_request("alice", &decomposed).send().await.expect_json();
    // Every character counts.
    let shorter = &long[..long.len() - 1];
    portal.login_request("alice", shorter).send().await.expect_problem(401, "invalid_credentials");
    let same: Value =
        change(&portal, &alice, &long, &decomposed).await.expect_problem(422, "password_rejected");
    assert_eq!(same["reasons"][0]["code"], "used_before");
}

#[tokio::test]
async fn one_of_two_concurrent_changes_succeeds() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let passwords = ["first of the two", "second of the two"];
    let [first, second] = passwords.map(|new| change(&portal, &alice, PASSWORD, new));
    let (first, second) = tokio::join!(first, second);
    let done = [&first, &second].map(|response| response.status == 204);
    assert!(done[0] != done[1], "{first:?} {second:?}");
    for (new, is_done) in passwords.into_iter().zip(done) {
        let status = portal.login_request("alice", new).send().await.status;
        assert_eq!(status == 200, is_done, "{new}");
    }
}
