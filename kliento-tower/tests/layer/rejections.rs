//! The responses to rejected requests.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode, Version, request::Parts};
use kliento_tower::{
    CredentialPolicy, KlientoAuthLayer, Rejection, ResponseBody, TrustAnchorError,
    TrustAnchorStore, TrustAnchors, clock_fn,
};

use crate::bundle::{authorization, body, layer, request, send, tampered};

fn challenges(response: &Response<ResponseBody<String>>) -> Vec<&str> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

fn reason(response: &Response<ResponseBody<String>>) -> &'static str {
    response.extensions().get::<Rejection>().expect("a rejection").reason()
}

#[tokio::test]
async fn response_discloses_only_the_code() {
    let bundle = authorization();
    let tampered = tampered();
    let list = format!("{bundle}, {bundle}");
    let long = format!("Kliento {}", "A".repeat(21_849));
    let malformed = r#"Kliento realm="https://api.example.com", error="invalid_request""#;
    let invalid = r#"Kliento realm="https://api.example.com", error="invalid_token""#;
    let missing = r#"Kliento realm="https://api.example.com""#;
    for (values, challenge, code, why) in [
        (vec![], missing, "credentials_missing", "credentials-missing"),
        (vec!["Bearer x"], missing, "credentials_missing", "scheme-unsupported"),
        (vec!["Kliento"], malformed, "credentials_malformed", "authorization-scheme"),
        (vec!["Kliento !"], malformed, "credentials_malformed", "authorization-base64"),
        (vec![&bundle, &bundle], malformed, "credentials_malformed", "credentials-multiple"),
        (vec![&list], malformed, "credentials_malformed", "credentials-multiple"),
        (
            vec!["Kliento QQ==, Kliento QQ=="],
            malformed,
            "credentials_malformed",
            "credentials-multiple",
        ),
        (vec![&long], malformed, "credentials_malformed", "authorization-too-long"),
        (vec![&tampered], invalid, "credentials_invalid", "signature-mismatch"),
    ] {
        let response = send(&layer(), request(&values)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(challenges(&response), [challenge]);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(reason(&response), why);
        let problem: serde_json::Value = serde_json::from_slice(&body(response).await).unwrap();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], 401);
    }
}

#[tokio::test]
async fn denied_workload_gets_403() {
    let layer = layer().with_authorizer(|caller| caller.organisation().as_str() == "example.net");
    let response = send(&layer, request(&[&authorization()])).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(challenges(&response).is_empty());
    let rejection = response.extensions().get::<Rejection>();
    assert!(
        matches!(rejection, Some(Rejection::PermissionDenied(identity)) if identity.subject() == "alice@example.com")
    );
}

/// A store whose anchors are unavailable.
struct UnavailableStore;

#[async_trait::async_trait]
impl TrustAnchorStore for UnavailableStore {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Err(TrustAnchorError::new("connection lost"))
    }
}

#[tokio::test]
async fn missing_anchors_or_time_is_503_under_every_policy() {
    for layer in [
        layer().with_trust_anchors(UnavailableStore),
        layer().with_trust_anchors(TrustAnchors::new([])),
        layer().with_clock(clock_fn(|| None)),
    ] {
        // Under every policy, since the bundle could not be checked.
        let layer = layer.with_policy(CredentialPolicy::AllowMissingOrInvalid);
        let response = send(&layer, request(&[&authorization()])).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "5");
        // A request without credentials reaches no store.
        assert_eq!(body(send(&layer, request(&[])).await).await, "anonymous");
    }
}

#[tokio::test]
async fn policies_allow_requests_without_valid_credentials() {
    let (good, bad) = (authorization(), "Kliento QQ==");
    let missing = layer().with_policy(CredentialPolicy::AllowMissing);
    assert_eq!(body(send(&missing, request(&[])).await).await, "anonymous");
    assert_eq!(body(send(&missing, request(&[&good])).await).await, "alice@example.com");
    for rejected in [bad, "Bearer x"] {
        let response = send(&missing, request(&[rejected])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let failed = layer().with_policy(CredentialPolicy::AllowMissingOrInvalid);
    for passed in [bad, "Bearer x"] {
        assert_eq!(body(send(&failed, request(&[passed])).await).await, "anonymous");
    }
}

#[tokio::test]
async fn passthrough_scheme_is_left_to_the_next_layer() {
    let layer =
        layer().with_passthrough_scheme(HeaderValue::from_static(r#"Bearer realm="people""#));
    assert_eq!(body(send(&layer, request(&["bearer x"])).await).await, "anonymous");
    assert_eq!(body(send(&layer, request(&[&authorization()])).await).await, "alice@example.com");
    for values in [vec![], vec!["Basic x"], vec!["Bearer x", "Bearer x"]] {
        let response = send(&layer, request(&values)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(challenges(&response)[1], r#"Bearer realm="people""#);
    }
}

#[tokio::test]
async fn grpc_requests_get_a_grpc_status() {
    let down = layer().with_trust_anchors(UnavailableStore);
    let strict = layer().with_authorizer(|_| false);
    let good = authorization();
    for (layer, authorization, status) in
        [(layer(), "Kliento x", "16"), (strict, &good, "7"), (down, &good, "14")]
    {
        let mut request = request(&[authorization]);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        let content_type = HeaderValue::from_static("application/grpc+proto");
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        let response = send(&layer, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["grpc-status"], status);
        let is_server_error = response.headers().contains_key("grpc-retry-pushback-ms");
        assert_eq!(is_server_error, status == "14");
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
        assert!(response.extensions().get::<Rejection>().is_some());
        assert_eq!(body(response).await, "");
    }
}

#[tokio::test]
async fn responder_only_determines_the_body() {
    let respond = |rejection: &Rejection, request: &Parts| {
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        Response::new(Bytes::from(format!("{} at {}", rejection.code(), request.uri)))
    };
    let layer = layer().with_realm("here").with_responder(respond);
    let response = send(&layer, request(&["Kliento x"])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&response), [r#"Kliento realm="here", error="invalid_request""#]);
    assert_eq!(body(response).await, "credentials_malformed at /");
}

#[tokio::test]
async fn ignores_host_header_as_audience() {
    let layer = KlientoAuthLayer::new("https://api.example.net")
        .with_trust_anchors(crate::bundle::trust_anchors())
        .with_clock(kliento_tower::FixedClock("2026-11-22T18:03:00Z".parse().unwrap()));
    let mut sent = request(&[&authorization()]);
    sent.headers_mut().insert("host", HeaderValue::from_static("api.example.com"));
    let response = send(&layer, sent).await;
    assert_eq!(reason(&response), "audience-mismatch");
    let both = layer.with_audience(crate::bundle::AUDIENCE);
    assert_eq!(body(send(&both, request(&[&authorization()])).await).await, "alice@example.com");
    let only = both.clone().with_only_audience("https://api.example.net");
    let response = send(&only, request(&[&authorization()])).await;
    assert_eq!(reason(&response), "audience-mismatch");
    assert!(challenges(&response)[0].contains(r#"realm="https://api.example.net""#));
    let only = both.with_only_audience(crate::bundle::AUDIENCE);
    assert_eq!(body(send(&only, request(&[&authorization()])).await).await, "alice@example.com");
}
