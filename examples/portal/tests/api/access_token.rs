//! Access tokens: which are taken, and why others are not.

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::portal::Portal;
use crate::tokens::{Tokens, until};

/// Signs with the portal's own key, which an attacker does not have.
fn signed(portal: &Portal, header: &Value, claims: &Value) -> String {
    let keys = std::fs::read_to_string(portal.place.file("portal.db.keys")).unwrap();
    let (_, secret) = keys.trim().split_once(':').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(secret).unwrap());
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn with(value: &Value, name: &str, member: Value) -> Value {
    let mut value = value.clone();
    value[name] = member;
    value
}

#[tokio::test]
async fn a_token_of_any_other_make_is_invalid() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (header, claims) = (admin.part(0), admin.part(1));
    let is_admin = signed(&portal, &header, &claims);
    portal.get("/api/session").bearer(&is_admin).send().await.gives();

    let parts: Vec<_> = admin.access.split('.').collect();
    let none = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "at+jwt"}).to_string());
    let other = BASE64_URL_SAFE_NO_PAD.encode(with(&claims, "user_id", json!(99)).to_string());
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
        forged.push(signed(&portal, &with(&header, name, value), &claims));
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("exp", Value::Null),
        ("sub", json!("99")),
        ("user_id", json!("1")),
    ] {
        forged.push(signed(&portal, &header, &with(&claims, name, value)));
    }
    for token in forged {
        let answer = portal.get("/api/session").bearer(&token).send().await;
        answer.refuses(401, "token_invalid");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

/// A token's hints are not what decides: the store is.
#[tokio::test]
async fn what_a_token_says_of_roles_changes_nothing() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let claims = with(&alice.part(1), "is_admin", json!(true));
    let token = signed(&portal, &alice.part(0), &claims);
    let answer = portal.get("/api/admin/users").bearer(&token).send().await;
    answer.refuses(403, "permission_denied");
    // A session is its user's: another user's number in the token is nobody's.
    let claims = with(&claims, "session_id", json!(admin.session));
    let token = signed(&portal, &alice.part(0), &claims);
    portal.get("/api/session").bearer(&token).send().await.refuses(401, "session_expired");
}

#[tokio::test]
async fn without_a_token_nobody_is_let_in() {
    let portal = Portal::start(&[]);
    let answer = portal.get("/api/session").send().await;
    answer.refuses(401, "token_invalid");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"kleidia\""));
    let admin = portal.admin().await;
    for value in ["Bearer", "Basic cm9vdDpyb290", "Bearer a b"] {
        let answer = portal.get("/api/session").header("authorization", value).send().await;
        answer.refuses(401, "token_invalid");
    }
    let twice = portal.get("/api/session").by(&admin).by(&admin).send().await;
    twice.refuses(401, "token_invalid");
    let in_query = portal.get(&format!("/api/session?access_token={}", admin.access)).send().await;
    in_query.refuses(401, "token_invalid");
}

#[tokio::test]
async fn a_token_expires_before_its_session() {
    let portal = Portal::start(&["--access-ttl", "1s"]);
    let admin = portal.admin().await;
    let claims = admin.part(1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1);
    let refused = until(async || {
        let answer = portal.get("/api/whoami").by(&admin).send().await;
        (answer.status != 200).then_some(answer)
    });
    refused.await.refuses(401, "token_expired");
    let renewed = Tokens::of(&portal.refresh(&admin.refresh).await);
    assert_eq!(renewed.session, admin.session);
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    portal.post("/api/auth/logout").by(&admin).send().await.is_done();
    for path in ["/api/session", "/api/whoami", "/api/admin/users"] {
        portal.get(path).by(&admin).send().await.refuses(401, "session_expired");
    }
    portal.post("/api/auth/logout").by(&admin).send().await.refuses(401, "session_expired");
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.patch(&path).by(&admin).json(&json!({"disabled": true})).send().await.gives();
    portal.get("/api/session").by(&alice).send().await.refuses(401, "account_disabled");
    portal.patch(&path).by(&admin).json(&json!({"disabled": false})).send().await.gives();
    portal.get("/api/session").by(&alice).send().await.refuses(401, "session_expired");
}
