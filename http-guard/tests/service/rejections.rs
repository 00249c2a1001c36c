//! The responses to rejected requests.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use serde_json::Value;

use crate::guard::TestRejection::{self, Field, Invalid, Limited, Missing, Unavailable};
use crate::guard::renderer;

fn parts(method: Method, version: Version, content_type: &'static str) -> Parts {
    let request = Request::builder().method(method).version(version);
    request.header(CONTENT_TYPE, content_type).body(()).unwrap().into_parts().0
}

fn json_request() -> Parts {
    parts(Method::POST, Version::HTTP_2, "application/json")
}

fn challenges(response: &Response<Bytes>) -> Vec<&str> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

fn limited() -> TestRejection {
    let name = HeaderName::from_static("ratelimit");
    Limited(HeaderMap::from_iter([(name, HeaderValue::from_static("\"a\";r=0"))]))
}

#[test]
fn http_request_gets_problem_details() {
    for (rejection, status, code, wait) in [
        (Missing, 401, "missing", None),
        (Invalid, 401, "invalid", None),
        (limited(), 429, "limited", Some("1")),
        (Unavailable, 503, "down", Some("5")),
        (Field("name"), 422, "field", None),
    ] {
        let response = renderer().render(&json_request(), rejection.clone());
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers().get(RETRY_AFTER).map(|wait| wait.to_str().unwrap()), wait);
        assert_eq!(response.headers().contains_key("ratelimit"), code == "limited");
        assert_eq!(response.extensions().get(), Some(&rejection));
        let problem: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code);
        assert_eq!(problem["title"].as_str(), response.status().canonical_reason());
        assert_eq!(problem["errors"][0].as_str(), (code == "field").then_some("name"));
    }
}

#[test]
fn only_401_has_challenges() {
    let both = renderer()
        .with_realm("a \"quoted\" \\ réalm\n")
        .with_additional_challenge(HeaderValue::from_static(r#"Kliento realm="workloads""#));
    assert!(both.is_passthrough_scheme(b"KLIENTO") && !both.is_passthrough_scheme(b"Bearer"));
    let response = both.render(&json_request(), Missing);
    let own = r#"Bearer realm="a \"quoted\" \\ r?alm?""#;
    assert_eq!(challenges(&response), [own, r#"Kliento realm="workloads""#]);
    let response = renderer().render(&json_request(), Invalid);
    assert_eq!(challenges(&response), [r#"Bearer realm="test", error="invalid_token""#]);
    assert!(challenges(&both.render(&json_request(), Unavailable)).is_empty());
}

#[test]
fn grpc_call_gets_grpc_status() {
    for (version, content_type) in [
        (Version::HTTP_2, "application/grpc"),
        (Version::HTTP_2, "application/grpc+proto"),
        (Version::HTTP_11, "application/grpc-web+proto"),
        (Version::HTTP_2, "application/grpc-web-text"),
    ] {
        for (rejection, status, message, wait) in [
            (Invalid, "16", "100%25 of the token is invalid (invalid)", None),
            (limited(), "8", "Too many requests (limited)", Some("1000")),
            (Unavailable, "14", "Try again (down)", Some("5000")),
            (Field("name"), "3", "A field is invalid (field)", None),
        ] {
            let request = parts(Method::POST, version, content_type);
            let response = renderer().render(&request, rejection.clone());
            assert_eq!(response.status(), StatusCode::OK);
            let headers = response.headers();
            assert_eq!(headers["grpc-status"], status);
            assert_eq!(headers["grpc-message"], message);
            assert_eq!(headers[CONTENT_TYPE], content_type);
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            let pushback = headers.get("grpc-retry-pushback-ms");
            assert_eq!(pushback.map(|wait| wait.to_str().unwrap()), wait);
            assert_eq!(response.extensions().get(), Some(&rejection));
            assert!(response.body().is_empty());
        }
    }
}

#[test]
fn other_requests_with_grpc_content_type_get_http_status() {
    for (method, version, content_type) in [
        (Method::GET, Version::HTTP_11, "application/grpc"),
        (Method::POST, Version::HTTP_11, "application/grpc"),
        (Method::GET, Version::HTTP_2, "application/grpc"),
        (Method::GET, Version::HTTP_11, "application/grpc-web"),
        (Method::OPTIONS, Version::HTTP_2, "application/grpc-web"),
    ] {
        let response = renderer().render(&parts(method, version, content_type), Invalid);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key("grpc-status"));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
}

#[test]
fn responder_makes_only_the_body_and_its_headers() {
    let respond = |rejection: &TestRejection, request: &Parts| {
        let body = format!("{rejection} at {}", request.uri);
        let response = Response::builder().status(StatusCode::IM_A_TEAPOT);
        let response = response.header(WWW_AUTHENTICATE, "None").header(CACHE_CONTROL, "public");
        response.header(CONTENT_LENGTH, "12").body(Bytes::from(body)).unwrap()
    };
    let response = renderer().with_responder(respond).render(&json_request(), Missing);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&response), [r#"Bearer realm="test""#]);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[CONTENT_LENGTH], "12");
    assert_eq!(response.body(), "Missing at /");
}
