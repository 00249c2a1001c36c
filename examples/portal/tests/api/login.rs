//! `POST /api/auth/login`: what it gives, to whom, and what everybody else is told.

use serde_json::json;

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn a_login_gives_tokens_and_who_it_is() {
    let portal = Portal::start(&[]);
    let answer = portal.log_in(ADMIN, PASSWORD).send().await;
    let (given, tokens) = (answer.gives(), Tokens::of(&answer));
    let mut members: Vec<_> = given.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["access_token", "expires_in", "refresh_expires_in", "refresh_token"];
    assert_eq!(members, [&expected[..], &["session_id", "token_type", "user"]].concat());
    assert_eq!(given["token_type"], "Bearer");
    assert_eq!(given["expires_in"], 30 * 60);
    assert_eq!(given["refresh_expires_in"], 7 * 24 * 3600);
    let user = json!({"id": tokens.user, "username": ADMIN, "roles": ["admin"], "is_admin": true});
    assert_eq!(given["user"], user);

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
async fn variants_of_a_name_are_one_account() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    for variant in ["ALICE", "Alice", "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}", "\u{1d400}lice"] {
        let again = portal.enter(variant).await;
        assert_eq!(again.user, alice.user, "{variant}");
        assert_ne!(again.session, alice.session, "{variant}");
        assert_eq!(again.part(1)["username"], "alice");
    }
    let new = json!({"username": "\u{ff21}lice", "password": PASSWORD});
    let taken = portal.post("/api/admin/users").by(&admin).json(&new).send().await;
    taken.refuses(409, "name_taken");
}

#[tokio::test]
async fn nobody_learns_which_names_there_are() {
    let portal = Portal::start(&["--lockout-threshold", "50"]);
    let wrong = portal.log_in(ADMIN, "not this one").send().await;
    wrong.refuses(401, "invalid_credentials");
    for name in ["nobody", "", " ", "al\u{200b}ice", "a\nb", &"n".repeat(5000)] {
        let unknown = portal.log_in(name, "not this one").send().await;
        assert_eq!(unknown.without_date(), wrong.without_date(), "{name:?}");
    }
    let empty = portal.log_in(ADMIN, "").send().await;
    assert_eq!(empty.without_date(), wrong.without_date());
}

#[tokio::test]
async fn a_login_continues_no_session_that_was_presented() {
    let portal = Portal::start(&[]);
    let first = portal.admin().await;
    let second = Tokens::of(&portal.log_in(ADMIN, PASSWORD).by(&first).send().await);
    assert_ne!(first.session, second.session);
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.part(1)["jti"], second.part(1)["jti"]);
    let sessions = portal.get("/api/session").by(&first).send().await.gives();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_disabled_account_is_told_so_only_by_the_right_password() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    let disabled = portal.patch(&path).by(&admin).json(&json!({"disabled": true})).send().await;
    assert_eq!(disabled.gives()["disabled"], true);
    portal.log_in("alice", "not this one").send().await.refuses(401, "invalid_credentials");
    portal.log_in("alice", PASSWORD).send().await.refuses(401, "account_disabled");
    portal.patch(&path).by(&admin).json(&json!({"disabled": false})).send().await.gives();
    portal.enter("alice").await;
}
