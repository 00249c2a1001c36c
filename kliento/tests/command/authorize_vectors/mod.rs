//! Each case of `vectors/` that a request can carry, through `/authorize` of a process, and through
//! Envoy's external authorization.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../../../kliento-core/tests/vectors/case.rs"]
mod case;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use envoy_types::ext_authz::v3::pb::{CheckRequest, HeaderValue as Field, HttpResponse};
use envoy_types::pb::envoy::config::core::v3::HeaderMap as Fields;
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tonic::transport::Channel;

use self::case::{Case, Kind};
use crate::serve::Service;

/// The options of a service, which many cases have in common.
type Options = Vec<String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

#[tokio::test]
async fn decides_as_the_layer() {
    let (mut services, mut skipped) = (BTreeMap::<Options, Vec<_>>::new(), 0);
    for case in Case::all() {
        match options(&case).zip(credentials(&case)) {
            Some((options, credentials)) => {
                services.entry(options).or_default().push((case, credentials));
            }
            None => skipped += 1,
        }
    }
    let sent: usize = services.values().map(Vec::len).sum();
    for (options, cases) in services {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let mut service = Service::run(&options);
        let line = service.next_line();
        let envoy = line.strip_prefix("listening for Envoy on ").expect("an address");
        let mut envoy = AuthorizationClient::connect(format!("http://{envoy}")).await.unwrap();
        let client = Client::new();
        for (case, credentials) in cases {
            let request = client.get(service.url("/authorize"));
            let response = request.header(AUTHORIZATION, &credentials).send().await.unwrap();
            check_envoy(&case, &mut envoy, &credentials, &response).await;
            check(&case, response).await;
        }
    }
    // Member id bundles and chains, other services and periods, line breaks, white space at the ends,
    // and settings that the command does not have.
    assert_eq!((sent, skipped), (598, 319));
}

/// Returns the options for a case, unless the command does not have them.
fn options(case: &Case) -> Option<Options> {
    let has_other_settings = case.max_validity.is_some() || case.min_modulus_bits.is_some();
    if has_other_settings || case.trust_anchors.is_empty() {
        return None;
    }
    let audience = case.audience.as_deref().unwrap_or("https://api.example.com");
    let skew = format!("{}s", case.clock_skew.unwrap_or_default());
    let mut options = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--ext-authz",
        "127.0.0.1:0",
        "--audience",
        audience,
        "--at",
    ]
    .into_iter()
    .chain([case.at.as_deref()?, "--clock-skew", &skew])
    .map(str::to_owned)
    .collect::<Vec<_>>();
    if case.trust_anchors != ["iana"] {
        let anchors = case.trust_anchors.iter();
        options.extend(anchors.flat_map(|anchor| ["--trust-anchor".to_owned(), anchor.clone()]));
    }
    (!audience.is_empty()).then_some(options)
}

fn credentials(case: &Case) -> Option<HeaderValue> {
    let octets = fs::read(folder().join(&case.file)).unwrap();
    let is_kliento = case.service.as_deref().is_none_or(|service| service == kliento::SERVICE);
    let value = match case.kind {
        Kind::Authorization => octets,
        Kind::TokenBundle | Kind::SignatureBundle if is_kliento && case.during.is_none() => {
            format!("Kliento {}", STANDARD.encode(octets)).into_bytes()
        }
        _ => return None,
    };
    // The ends of a field's value lose their white space on the way (RFC 9110, 5.5).
    let is_trimmed = value.trim_ascii().len() < value.len();
    HeaderValue::from_bytes(&value).ok().filter(|_| !is_trimmed)
}

/// Checks that Envoy gets the same answer.
async fn check_envoy(
    case: &Case,
    envoy: &mut AuthorizationClient<Channel>,
    credentials: &HeaderValue,
    response: &Response,
) {
    let (key, raw_value) = ("authorization".to_owned(), credentials.as_bytes().to_vec());
    let headers = vec![Field { key, raw_value, ..Field::default() }];
    let http = HttpRequest { header_map: Some(Fields { headers }), ..HttpRequest::default() };
    let request = Some(Request { http: Some(http), ..Request::default() });
    let attributes = AttributeContext { request, ..AttributeContext::default() };
    let request = CheckRequest { attributes: Some(attributes) };
    let answer = envoy.check(request).await.unwrap().into_inner().http_response.unwrap();
    let (status, headers) = match answer {
        HttpResponse::OkResponse(allowed) => (200, allowed.headers),
        HttpResponse::DeniedResponse(denied) => (denied.status.unwrap().code, denied.headers),
        HttpResponse::ErrorResponse(error) => panic!("{error:?}"),
    };
    assert_eq!(status, i32::from(response.status().as_u16()), "{}", case.name);
    assert!(!headers.is_empty(), "{}", case.name);
    for field in headers.into_iter().map(|option| option.header.unwrap()) {
        assert_eq!(response.headers()[&field.key], field.value.as_str(), "{}", case.name);
    }
}

async fn check(case: &Case, response: Response) {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let expected = case.verdict();
    if expected.expect == "valid" {
        assert_eq!(status, StatusCode::OK, "{}", case.name);
        assert_eq!(Some(text("kliento-signer")), expected.signer, "{}", case.name);
        assert_eq!(Some(text("kliento-valid-until")), expected.valid_until, "{}", case.name);
        let subject = percent_encoding::percent_decode_str(&text("kliento-subject"))
            .decode_utf8()
            .map(Into::into);
        assert_eq!(subject.ok(), expected.subject, "{}", case.name);
        let claims = URL_SAFE_NO_PAD.decode(text("kliento-claims")).unwrap();
        assert_eq!(serde_json::from_slice(&claims).ok(), expected.claims, "{}", case.name);
        return;
    }
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", case.name);
    assert_eq!(text("kliento-subject"), "", "{}", case.name);
    let problem: Value = response.json().await.unwrap();
    let code = match (expected.expect.as_str(), expected.code.as_deref()) {
        (_, Some("authorization-scheme")) => "credentials_missing",
        ("malformed", _) => "credentials_malformed",
        _ => "credentials_invalid",
    };
    assert_eq!(problem["code"], code, "{}", case.name);
}
