//! `POST /api/auth/login`: the response on success, and on failure.

use serde_json::json;

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn login_returns_tokens_and_user() {
    let portal = Portal::start(&[]);
    let response = portal.login_request(ADMIN, PASSWORD).send().await;
    let (body, tokens) = (response.expect_json(), Tokens::from_response(&response));
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["access_token", "expires_in", "refresh_expires_in", "refresh_token"];
    assert_eq!(members, [&expected[..], &["session_id", "token_type", "user"]].concat());
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 30 * 60);
    assert_eq!(body["refresh_expires_in"], 7 * 24 * 3600);
    let user = json!({"id": tokens.user, "username": ADMIN, "roles": ["admin"], "is_admin": true});
    assert_eq!(body["user"], user);

    let header = tokens.part(0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS256"), &json!("at+jwt")));
    assert!(header["kid"].is_string(), "{header}");
    let claims = tokens.part(1);
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(exp - iat, 30 * 60);
    assert!(claims["jti"].is_string(), "{claims}");
    assert_eq!(
        claims,
        json!({
            "user_id": tokens.user, "username": ADMIN, "is_admin": true,
            "session_id": tokens.session, "exp": exp, "iat": iat, "iss": "kleidia",
            "sub": tokens.user.to_string(), "jti": claims["jti"],
        })
    );
}

#[tokio::test]
async fn name_variants_are_one_account() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    for variant in ["ALICE", "Alice", "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}", "\u{1d400}lice"] {
        let again = portal.log_in(variant).await;
        assert_eq!(again.user, alice.user, "{variant}");
        assert_ne!(again.session, alice.session, "{variant}");
        assert_eq!(again.part(1)["username"], "alice");
    }
    let new = json!({"username": "\u{ff21}lice", "password": PASSWORD});
    let taken = portal.post("/api/admin/users").auth(&admin).json(&new).send().await;
    taken.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn does_not_reveal_account_existence() {
    let portal = Portal::start(&["--lockout-threshold", "50"]);
    let wrong = portal.login_request(ADMIN, "not this one").send().await;
    wrong.expect_problem(401, "invalid_credentials");
    for name in ["nobody", "", " ", "al\u{200b}ice", "a\nb", &"n".repeat(5000)] {
        let unknown = portal.login_request(name, "not this one").send().await;
        assert_eq!(unknown.without_date(), wrong.without_date(), "{name:?}");
    }
    let empty = portal.login_request(ADMIN, "").send().await;
    assert_eq!(empty.without_date(), wrong.without_date());
}

#[tokio::test]
async fn login_opens_another_session_than_the_presented_one() {
    let portal = Portal::start(&[]);
    let first = portal.log_in_admin().await;
    let second =
        Tokens::from_response(&portal.login_request(ADMIN, PASSWORD).auth(&first).send().await);
    assert_ne!(first.session, second.session);
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.part(1)["jti"], second.part(1)["jti"]);
    let sessions = portal.get("/api/session").auth(&first).send().await.expect_json();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn reports_disabled_account_only_with_correct_password() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    let disabled = portal.patch(&path).auth(&admin).json(&json!({"disabled": true})).send().await;
    assert_eq!(disabled.expect_json()["disabled"], true);
    portal
        .login_request("alice", "not this one")
        .send()
        .await
        .expect_problem(401, "invalid_credentials");
    portal.login_request("alice", PASSWORD).send().await.expect_problem(401, "account_disabled");
    portal.patch(&path).auth(&admin).json(&json!({"disabled": false})).send().await.expect_json();
    portal.log_in("alice").await;
}
