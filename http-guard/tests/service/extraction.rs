//! Extraction of what a layer put into the extensions of a request.

use axum_core::response::IntoResponse as _;
use http::request::Parts;
use http::{Request, StatusCode};
use http_guard::{ExtractionRejection, Unauthenticated, extract_optional, extract_required};

use crate::guard::{TestRejection, renderer};

fn parts() -> Parts {
    Request::new(()).into_parts().0
}

fn required(parts: &Parts) -> Result<&'static str, ExtractionRejection<TestRejection>> {
    extract_required(parts, "TestLayer")
}

fn optional(parts: &Parts) -> Result<Option<&'static str>, ExtractionRejection<TestRejection>> {
    extract_optional(parts, "TestLayer")
}

#[test]
fn returns_what_the_layer_inserted() {
    let mut parts = parts();
    parts.extensions.insert("alice");
    assert_eq!(required(&parts).unwrap(), "alice");
    assert_eq!(optional(&parts).unwrap(), Some("alice"));
}

#[test]
fn unauthenticated_request_gets_the_response_of_the_layer() {
    let mut parts = parts();
    parts.extensions.insert(Unauthenticated::new(TestRejection::Missing, renderer()));
    assert_eq!(optional(&parts).unwrap(), None);
    let response = required(&parts).unwrap_err().into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="test""#);
}

#[test]
fn missing_layer_is_a_server_error() {
    for error in [required(&parts()).unwrap_err(), optional(&parts()).unwrap_err()] {
        assert_eq!(error.to_string(), "missing TestLayer on this route");
        assert_eq!(error.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
