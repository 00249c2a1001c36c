//! `envoy.service.auth.v3.Authorization/Check`, called as Envoy calls it.

use std::collections::BTreeSet;

use envoy_types::ext_authz::v3::pb::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::config::core::v3::HeaderMap;
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::authorizer::Authorizer;
use crate::issuer::{AUDIENCES, END, Issuer};

pub(crate) async fn connect(authorizer: &Authorizer) -> Channel {
    Endpoint::try_from(format!("http://{}", authorizer.address)).unwrap().connect().await.unwrap()
}

/// Returns what Envoy sends for a request with these headers.
pub(crate) fn request(headers: &[(&str, &[u8])]) -> CheckRequest {
    let field = |(key, value): &(&str, &[u8])| HeaderValue {
        key: (*key).to_owned(),
        raw_value: value.to_vec(),
        ..HeaderValue::default()
    };
    let headers = HeaderMap { headers: headers.iter().map(field).collect() };
    with_http(HttpRequest { header_map: Some(headers), ..HttpRequest::default() })
}

fn with_http(http: HttpRequest) -> CheckRequest {
    let request = Some(Request { http: Some(http), ..Request::default() });
    let attributes = AttributeContext { request, ..AttributeContext::default() };
    CheckRequest { attributes: Some(attributes) }
}

pub(crate) async fn check(channel: &Channel, request: CheckRequest) -> CheckResponse {
    AuthorizationClient::new(channel.clone()).check(request).await.unwrap().into_inner()
}

pub(crate) fn allowed(response: CheckResponse) -> (OkHttpResponse, Struct) {
    assert_eq!(response.status.unwrap().code, i32::from(Code::Ok));
    match response.http_response {
        Some(HttpResponse::OkResponse(allowed)) => (allowed, response.dynamic_metadata.unwrap()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn denied(response: CheckResponse) -> DeniedHttpResponse {
    assert_ne!(response.status.unwrap().code, i32::from(Code::Ok));
    assert_eq!(response.dynamic_metadata, None);
    match response.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

fn text(value: &Value) -> &str {
    match &value.kind {
        Some(Kind::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn returns_headers_and_metadata() {
    let issuer = Issuer::new();
    let authorizer = Authorizer::start(&issuer, &["--claim-header", "role"]);
    let channel = connect(&authorizer).await;
    let credentials = issuer.valid();
    let request = request(&[
        ("authorization", credentials.as_bytes()),
        ("kliento-subject", b"mallory"),
        ("Kliento_User", b"\xff"),
        ("kliento-other", b""),
        ("Kliento.Subject", b"mallory"),
        ("klientox", b""),
    ]);
    let (allowed, metadata) = allowed(check(&channel, request).await);
    let set: BTreeSet<_> = allowed
        .headers
        .iter()
        .map(|option| option.header.as_ref().unwrap())
        .map(|field| (field.key.as_str(), field.value.as_str()))
        .collect();
    assert!(set.contains(&("kliento-subject", "carol@example.org")));
    assert!(set.contains(&("kliento-claim-role", "admin")));
    // What is set must not be removed, which Envoy would do last.
    assert_eq!(allowed.headers_to_remove, ["kliento-other", "kliento.subject", "kliento_user"]);

    for (name, value) in [
        ("subject", "carol@example.org"),
        ("organisation", "example.org"),
        ("user", "carol"),
        ("signer", "member"),
        ("audience", AUDIENCES[0]),
        ("valid_until", END),
    ] {
        assert_eq!(text(&metadata.fields[name]), value);
    }
    match &metadata.fields["claims"].kind {
        Some(Kind::StructValue(claims)) => assert_eq!(text(&claims.fields["note"]), "été"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_whatever_it_is_sent() {
    let issuer = Issuer::new();
    let authorizer = Authorizer::start(&issuer, &[]);
    let channel = connect(&authorizer).await;
    let valid = issuer.valid();
    let valid = valid.as_bytes();
    let no_http =
        AttributeContext { request: Some(Request::default()), ..AttributeContext::default() };
    for request in [
        CheckRequest::default(),
        CheckRequest { attributes: Some(AttributeContext::default()) },
        CheckRequest { attributes: Some(no_http) },
        with_http(HttpRequest::default()),
        request(&[("", b""), ("\u{0}é", b"\0\xff\r\n")]),
        request(&[("authorization", b"\0")]),
        // A value that no header can have is one of two.
        request(&[("authorization", valid), ("Authorization", b"\r\n")]),
        request(&[("AUTHORIZATION", b""), ("authorization", valid)]),
        // The name is another one.
        request(&[("authorization ", valid)]),
    ] {
        let denied = denied(check(&channel, request.clone()).await);
        assert_eq!(denied.status.unwrap().code, 401, "{request:?}");
    }
    let (key, value) = ("Authorization".to_owned(), issuer.valid());
    let joined = HttpRequest { headers: [(key, value)].into(), ..HttpRequest::default() };
    allowed(check(&channel, with_http(joined)).await);
}

#[tokio::test]
async fn serves_health_until_it_stops() {
    let issuer = Issuer::new();
    let authorizer = Authorizer::start(&issuer, &[]);
    let mut client = HealthClient::new(connect(&authorizer).await);
    let service = "envoy.service.auth.v3.Authorization".to_owned();
    let mut watch = client.watch(HealthCheckRequest { service }).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    authorizer.signal("TERM");
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((watch, client));
    assert!(authorizer.end().0.success());
}

#[test]
fn needs_an_audience() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_kliento"))
        .args(["serve", "--listen", "127.0.0.1:0", "--ext-authz", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8(run.stderr).unwrap().contains("--audience"));
}
