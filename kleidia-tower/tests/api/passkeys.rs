//! The routes of passkeys.

#[path = "../support/authenticator.rs"]
mod authenticator;

use authenticator::Authenticator;
use http::Method;
use kleidia_tower::account::{FactorSettings, PasskeySettings};
use serde_json::{Value, json};

use super::Fixture;

const ORIGIN: &str = "https://portal.example.com";

#[tokio::test]
async fn user_enrols_a_passkey_and_steps_up() {
    let mut fixture = Fixture::new().await;
    let (_, alice) = fixture.user("alice", &["user"]).await;
    let enrolment = "/api/session/factors/passkeys";
    let (status, _) = fixture.json(&alice, Method::POST, enrolment, &Value::Null).await;
    assert_eq!(status, 404, "without settings");
    let passkeys = PasskeySettings::new("example.com", ORIGIN).unwrap();
    let settings = FactorSettings::default().with_passkeys(passkeys);
    fixture.accounts = fixture.accounts.with_factor_settings(settings);

    let mut key = Authenticator::new(b"key");
    let (status, begun) = fixture.json(&alice, Method::POST, enrolment, &Value::Null).await;
    assert_eq!((status, &begun["expires_in"]), (201, &json!(300)));
    let credential = key.create(&begun["options"]);
    let confirmation = json!({
        "ceremony": begun["ceremony"],
        "credential": credential,
        "label": "Laptop",
    });
    let path = "/api/session/factors/passkeys/confirm";
    let (status, factor) = fixture.json(&alice, Method::POST, path, &confirmation).await;
    assert_eq!(
        (status, &factor["kind"], &factor["label"]),
        (201, &json!("passkey"), &json!("Laptop"))
    );
    let (_, rejected) = fixture.json(&alice, Method::POST, path, &confirmation).await;
    assert_eq!(rejected["code"], "ceremony_expired");

    let other = fixture.log_in("alice").await;
    let path = "/api/session/factor/passkey";
    let (status, begun) = fixture.json(&other, Method::POST, path, &Value::Null).await;
    assert_eq!(status, 201, "{begun}");
    let answer = json!({"ceremony": begun["ceremony"], "credential": key.get(&begun["options"])});
    let step_up = "/api/session/factor";
    let both = json!({"passkey": answer, "totp": "000000"});
    let (_, rejected) = fixture.json(&other, Method::POST, step_up, &both).await;
    assert_eq!(rejected["code"], "malformed_request");
    let answer = json!({"passkey": answer});
    let (status, stepped_up) = fixture.json(&other, Method::POST, step_up, &answer).await;
    assert_eq!((status, &stepped_up["amr"]), (200, &json!(["pwd", "hwk", "user", "mfa"])));
    let bob = fixture.user("bob", &["user"]).await.1;
    assert_eq!(fixture.json(&bob, Method::POST, path, &Value::Null).await.0, 404, "no passkey");
}
