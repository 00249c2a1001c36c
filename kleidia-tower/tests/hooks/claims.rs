//! Claims that a hook adds to access tokens.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::service::Service;

/// Returns the payload of a token.
fn payload(tokens: &Value) -> Value {
    let token = tokens["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn handlers_get_the_claims_of_the_token() {
    for service in Service::on_each_store().await {
        let expected = json!({"plan": "gold", "name": "alice"});
        let tokens = service.tokens("alice").await;
        let claims = payload(&tokens);
        assert_eq!(claims["ext"], json!({"claims": expected}));
        // They replace none of this crate's.
        assert_eq!(claims["username"], "alice");
        assert_eq!(claims["sub"], claims["user_id"].to_string());
        let (status, refreshed) = service.refresh(&tokens).await;
        assert_eq!(status, 200, "{refreshed}");
        assert_eq!(payload(&refreshed)["ext"]["claims"], expected);
        for tokens in [&tokens, &refreshed] {
            let token = tokens["access_token"].as_str();
            let answer = service.send("GET", "/claims", token, &json!(null)).await;
            assert_eq!(answer, (200, expected.clone()));
        }
    }
}
