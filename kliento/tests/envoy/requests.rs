//! Requests over HTTP/1 and HTTP/2 through Envoy.

use std::slice;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::issuer::{AUDIENCES, END};
use crate::proxied::{CONFIGURATION, Proxied, clients};

#[tokio::test]
async fn passes_the_identity_to_the_service() {
    let Some(proxied) = Proxied::start().await else { return };
    for (version, client) in clients() {
        let request = proxied.get(&client, &[proxied.issuer.valid()]);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let (received_version, headers) = proxied.received();
        assert_eq!(received_version, version);
        check_identity(&headers);
        // The service gets it unless `--remove-authorization` says otherwise.
        assert!(headers.contains_key(AUTHORIZATION));
    }
}

/// Checks that the headers are those of `Issuer::valid`, each once.
pub(crate) fn check_identity(headers: &HeaderMap) {
    let claims = URL_SAFE_NO_PAD.decode(&headers["kliento-claims"]).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims, json!({ "note": "été", "role": "admin" }));
    let expected = [
        ("kliento-subject", "carol@example.org"),
        ("kliento-organisation", "example.org"),
        ("kliento-user", "carol"),
        ("kliento-signer", "member"),
        ("kliento-audience", AUDIENCES[0]),
        ("kliento-valid-until", END),
        ("kliento-claim-role", "admin"),
    ];
    for (name, value) in expected {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}");
    }
    let names =
        headers.keys().filter(|name| name.as_str().replace('_', "-").starts_with("kliento"));
    assert_eq!(names.count(), expected.len() + 1, "{headers:?}");
    assert_eq!(headers.get_all("kliento-claims").iter().count(), 1);
}

#[tokio::test]
async fn removes_authorization_on_request() {
    let Some(proxied) = Proxied::with(CONFIGURATION, &["--remove-authorization"]).await else {
        return;
    };
    for (_, client) in clients() {
        let request = proxied.get(&client, &[proxied.issuer.valid()]);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let (_, headers) = proxied.received();
        assert!(!headers.contains_key(AUTHORIZATION));
        assert!(headers.contains_key("kliento-subject"));
    }
}

#[tokio::test]
async fn rejects_with_the_problem_of_the_layer() {
    let joined = CONFIGURATION.replace("encode_raw_headers: true", "encode_raw_headers: false");
    assert_ne!(joined, CONFIGURATION);
    for configuration in [CONFIGURATION, &joined] {
        let Some(proxied) = Proxied::with(configuration, &[]).await else { return };
        for (version, client) in clients() {
            for (code, credentials) in proxied.issuer.rejected() {
                let response = proxied.get(&client, &credentials).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{code} {version:?}");
                let headers = response.headers().clone();
                assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
                assert_eq!(headers[CACHE_CONTROL], "no-store");
                let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
                let realm = format!("Kliento realm=\"{}\"", AUDIENCES[0]);
                assert!(challenge.starts_with(&realm), "{challenge}");
                assert!(!headers.keys().any(|name| name.as_str().starts_with("kliento")));
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["code"], code, "{version:?}");
            }
        }
        assert_eq!(proxied.backend.take().len(), 0);
    }
}

#[tokio::test]
async fn passes_the_largest_bundle_and_rejects_larger_headers() {
    let Some(proxied) = Proxied::start().await else { return };
    let (largest, padding) = proxied.issuer.largest();
    for (_, client) in clients() {
        let request = proxied.get(&client, slice::from_ref(&largest));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let (_, headers) = proxied.received();
        let claims = URL_SAFE_NO_PAD.decode(&headers["kliento-claims"]).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["padding"].as_str().unwrap().len(), padding);

        let oversized = format!("Kliento {}", "A".repeat(100 * 1024));
        // In HTTP/2, Envoy resets the stream.
        let response = proxied.get(&client, &[oversized]).send().await;
        if let Ok(response) = response {
            assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        assert_eq!(proxied.backend.take().len(), 0);
    }
}

#[tokio::test]
async fn restricts_routes_to_their_audience() {
    let Some(proxied) = Proxied::start().await else { return };
    let [api, billing] = AUDIENCES.map(|audience| proxied.issuer.valid_for(audience));
    for (path, credentials, status) in [
        ("/", &api, StatusCode::OK),
        ("/billings", &api, StatusCode::OK),
        ("/", &billing, StatusCode::UNAUTHORIZED),
        ("/billing/", &billing, StatusCode::OK),
        ("/billing/", &api, StatusCode::UNAUTHORIZED),
        // Only the configuration can set it.
        ("/billing/?audience=https://api.example.com", &api, StatusCode::UNAUTHORIZED),
    ] {
        for (_, client) in clients() {
            let request = client.get(format!("{}{path}", proxied.envoy.url()));
            let request = request.header("audience", AUDIENCES[0]);
            let response = request.header(AUTHORIZATION, credentials).send().await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let headers = response.headers().clone();
            if status == StatusCode::UNAUTHORIZED {
                let audience = AUDIENCES[usize::from(path.starts_with("/billing/"))];
                let challenge = format!("Kliento realm=\"{audience}\", error=\"invalid_token\"");
                assert_eq!(headers[WWW_AUTHENTICATE], challenge.as_str());
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["code"], "credentials_invalid");
                assert_eq!(proxied.backend.take().len(), 0);
            } else {
                proxied.received();
            }
        }
    }
}
