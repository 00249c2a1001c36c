//! Which access tokens are accepted, and the errors for others.

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::portal::Portal;
use crate::tokens::{Tokens, wait_for};

/// Signs with the portal's key, which an attacker does not have.
fn sign(portal: &Portal, header: &Value, claims: &Value) -> String {
    let keys = std::fs::read_to_string(portal.database.file("portal.db.keys")).unwrap();
    let (_, secret) = keys.trim().split_once(':').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(secret).unwrap());
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signing_input = format!("{}.{}", part(header), part(claims));
    let signature = hmac::sign(&key, signing_input.as_bytes());
    format!("{signing_input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn with_member(value: &Value, name: &str, member: Value) -> Value {
    let mut value = value.clone();
    value[name] = member;
    value
}

#[tokio::test]
async fn rejects_forged_tokens() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (header, claims) = (admin.part(0), admin.part(1));
    let valid = sign(&portal, &header, &claims);
    portal.get("/api/session").bearer_auth(&valid).send().await.expect_json();

    let parts: Vec<_> = admin.access.split('.').collect();
    let none = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "at+jwt"}).to_string());
    let other =
        BASE64_URL_SAFE_NO_PAD.encode(with_member(&claims, "user_id", json!(99)).to_string());
    let mut forged = vec![
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][1..]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        admin.refresh.clone(),
        "x".to_owned(),
    ];
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("alg", json!("HS512")),
        ("alg", json!("none")),
        ("kid", json!("another")),
        ("kid", Value::Null),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://example.com/keys")),
        ("crit", json!(["exp"])),
    ] {
        forged.push(sign(&portal, &with_member(&header, name, value), &claims));
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("exp", Value::Null),
        ("sub", json!("99")),
        ("user_id", json!("1")),
    ] {
        forged.push(sign(&portal, &header, &with_member(&claims, name, value)));
    }
    for token in forged {
        let response = portal.get("/api/session").bearer_auth(&token).send().await;
        response.expect_problem(401, "token_invalid");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

/// The store decides; role claims are hints for clients.
#[tokio::test]
async fn ignores_role_claims() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let claims = with_member(&alice.part(1), "is_admin", json!(true));
    let token = sign(&portal, &alice.part(0), &claims);
    let response = portal.get("/api/admin/users").bearer_auth(&token).send().await;
    response.expect_problem(403, "permission_denied");
    // The session of another user does not match the token's user.
    let claims = with_member(&claims, "session_id", json!(admin.session));
    let token = sign(&portal, &alice.part(0), &claims);
    portal
        .get("/api/session")
        .bearer_auth(&token)
        .send()
        .await
        .expect_problem(401, "session_expired");
}

#[tokio::test]
async fn rejects_requests_without_token() {
    let portal = Portal::start(&[]);
    let response = portal.get("/api/session").send().await;
    response.expect_problem(401, "token_invalid");
    assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"kleidia\""));
    let admin = portal.log_in_admin().await;
    for value in ["Bearer", "Basic cm9vdDpyb290", "Bearer a b"] {
        let response = portal.get("/api/session").header("authorization", value).send().await;
        response.expect_problem(401, "token_invalid");
    }
    let twice = portal.get("/api/session").auth(&admin).auth(&admin).send().await;
    twice.expect_problem(401, "token_invalid");
    let in_query = portal.get(&format!("/api/session?access_token={}", admin.access)).send().await;
    in_query.expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn rejects_expired_token_of_active_session() {
    let portal = Portal::start(&["--access-ttl", "1s"]);
    let admin = portal.log_in_admin().await;
    let claims = admin.part(1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1);
    let rejected = wait_for(async || {
        let response = portal.get("/api/whoami").auth(&admin).send().await;
        (response.status != 200).then_some(response)
    });
    rejected.await.expect_problem(401, "token_expired");
    let refreshed = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    assert_eq!(refreshed.session, admin.session);
}

#[tokio::test]
async fn rejects_token_after_logout() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    portal.post("/api/auth/logout").auth(&admin).send().await.expect_no_content();
    for path in ["/api/session", "/api/whoami", "/api/admin/users"] {
        portal.get(path).auth(&admin).send().await.expect_problem(401, "session_expired");
    }
    portal
        .post("/api/auth/logout")
        .auth(&admin)
        .send()
        .await
        .expect_problem(401, "session_expired");
}

#[tokio::test]
async fn rejects_token_of_disabled_account() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.patch(&path).auth(&admin).json(&json!({"disabled": true})).send().await.expect_json();
    portal.get("/api/session").auth(&alice).send().await.expect_problem(401, "account_disabled");
    portal.patch(&path).auth(&admin).json(&json!({"disabled": false})).send().await.expect_json();
    portal.get("/api/session").auth(&alice).send().await.expect_problem(401, "session_expired");
}
