//! The part of the Kubernetes API that a server asks about the tokens of service accounts.

use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Starts the API, and returns its URL. It accepts every token.
pub(crate) async fn start_api() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let routes =
        Router::new().route("/apis/authentication.k8s.io/v1/tokenreviews", post(review_token));
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    address
}

/// Returns a token of a service account in the namespace `portal`. Its signature is not valid,
/// which only the API would check.
pub(crate) fn service_account_token(name: &str) -> String {
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": format!("system:serviceaccount:portal:{name}"),
        "aud": ["vault"],
        "iat": 1_700_000_000,
        "nbf": 1_700_000_000,
        "exp": 4_000_000_000_u64,
        "kubernetes.io": {
            "namespace": "portal",
            "serviceaccount": { "name": name, "uid": format!("uid-of-{name}") },
        },
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(&json!({ "alg": "RS256", "kid": "1" })), part(&claims))
}

async fn review_token(body: String) -> Json<Value> {
    let mut review: Value = serde_json::from_str(&body).unwrap();
    let token = review["spec"]["token"].as_str().unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    review["status"] = json!({
        "authenticated": true,
        "audiences": claims["aud"],
        "user": {
            "username": claims["sub"],
            "uid": claims["kubernetes.io"]["serviceaccount"]["uid"],
            "groups": ["system:serviceaccounts", "system:serviceaccounts:portal"],
        },
    });
    Json(review)
}
