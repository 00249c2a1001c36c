//! `GET /authorize` of `kliento serve`: the answers to proxies.

use reqwest::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::reference::{Case, case};
use crate::run::kliento;
use crate::serve::Service;

const NAMES: [&str; 8] = [
    "kliento-subject",
    "kliento-organisation",
    "kliento-user",
    "kliento-signer",
    "kliento-audience",
    "kliento-valid-until",
    "kliento-claims",
    "kliento-claim-permission",
];

fn start(case: &Case, rest: &[&str]) -> Service {
    let options = ["--at", &case.at, "--audience", &case.audience];
    let claims = ["--claim-header", "permission"];
    Service::start_with(case, &[&options[..], &claims, rest].concat())
}

fn credentials(case: &Case) -> String {
    kliento::TokenBundle::from_bytes(case.octets()).unwrap().to_authorization()
}

/// Returns the same bundle with an altered signature.
fn forged(case: &Case) -> String {
    let mut octets = case.octets();
    *octets.last_mut().unwrap() ^= 1;
    kliento::TokenBundle::from_bytes(octets).unwrap().to_authorization()
}

fn get(service: &Service) -> RequestBuilder {
    Client::new().get(service.url("/authorize"))
}

/// Sends a request, and checks what each answer has.
async fn send(request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    for name in NAMES {
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name}: {headers:?}");
        assert!(status == StatusCode::OK || headers[name].is_empty(), "{name}: {headers:?}");
    }
    (status, headers, response.text().await.unwrap())
}

#[tokio::test]
async fn returns_the_identity() {
    let case = case("member-user");
    let service = start(&case, &[]);
    for method in [Method::GET, Method::HEAD] {
        let request = Client::new().request(method, service.url("/authorize"));
        let (status, headers, body) = send(request.header(AUTHORIZATION, credentials(&case))).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
        let expected = [
            "alice@example.com",
            "example.com",
            "alice",
            "member",
            "https://api.example.com",
            "2026-11-22T18:58:00Z",
            "eyJwZXJtaXNzaW9uIjoicmVhZC1vbmx5In0",
            "read-only",
        ];
        for (name, value) in NAMES.into_iter().zip(expected) {
            assert_eq!(headers[name], value, "{name}");
        }
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn rejects_with_the_problem_of_the_layer() {
    let case = case("member-user");
    let service = start(&case, &[]);
    let valid = credentials(&case);
    for (credentials, code) in [
        (&[][..], "credentials_missing"),
        (&["Bearer abc"], "credentials_missing"),
        (&["Kliento AAAA"], "credentials_malformed"),
        (&[&forged(&case)], "credentials_invalid"),
        (&[&valid, &valid], "credentials_malformed"),
        (&[&valid, "Bearer abc"], "credentials_malformed"),
        (&[&format!("{valid}, {valid}")], "credentials_malformed"),
    ] {
        let request = credentials
            .iter()
            .fold(get(&service), |request, value| request.header(AUTHORIZATION, *value));
        let (status, headers, body) = send(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{code}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["code"], code);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with(r#"Kliento realm="https://api.example.com""#));
    }
    // Neither the content type of gRPC nor a body changes the answer.
    let grpc = get(&service).header(CONTENT_TYPE, "application/grpc").body("x");
    assert_eq!(send(grpc).await.0, StatusCode::UNAUTHORIZED);
    let valid = get(&service).header(AUTHORIZATION, valid).body("x");
    assert_eq!(send(valid).await.0, StatusCode::OK);
}

#[tokio::test]
async fn takes_the_audience_from_the_options_only() {
    let case = case("member-user");
    let other = "https://other.example.com";
    let mut service_of_other = case.clone();
    service_of_other.audience = other.to_owned();
    let service = start(&service_of_other, &[]);
    let url = service.url(&format!("/authorize?audience={}", case.audience));
    let request = Client::new().get(url).header(AUTHORIZATION, credentials(&case));
    let request = request.header("kliento-audience", &case.audience);
    assert_eq!(send(request).await.0, StatusCode::UNAUTHORIZED);
    drop(service);

    let service = start(&service_of_other, &["--audience", &case.audience]);
    let (status, headers, _) = send(get(&service).header(AUTHORIZATION, credentials(&case))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["kliento-audience"], case.audience.as_str());
    let (_, headers, _) = send(get(&service)).await;
    assert_eq!(headers[WWW_AUTHENTICATE], format!("Kliento realm=\"{other}\"").as_str());
}

#[tokio::test]
async fn rejects_other_methods() {
    let case = case("member-user");
    let service = start(&case, &[]);
    for method in [Method::POST, Method::PUT, Method::OPTIONS, Method::DELETE] {
        let request = Client::new().request(method, service.url("/authorize"));
        let (status, headers, _) = send(request.header(AUTHORIZATION, credentials(&case))).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers[ALLOW], "GET,HEAD");
    }
}

#[tokio::test]
async fn is_not_found_without_audience() {
    let case = case("member-user");
    let service = Service::start_with(&case, &["--at", &case.at]);
    let request = get(&service).header(AUTHORIZATION, credentials(&case));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_ne!(response.headers()[CONTENT_LENGTH], "0");
    assert!(response.text().await.unwrap().contains("--audience"));
}

#[test]
fn rejects_invalid_options() {
    for (options, error) in [
        (&["--audience", ""][..], "a value is required"),
        (&["--claim-header", "role"], "--audience"),
        (&["--audience", "a", "--claim-header", "a b"], "ASCII letters"),
        (
            &["--audience", "a", "--claim-header", "user-id", "--claim-header", "User_Id"],
            "several claims have the header kliento-claim-user-id",
        ),
    ] {
        let run = kliento(&[&["serve", "--listen", "127.0.0.1:0"], options].concat());
        assert_eq!(run.status, 2, "{options:?}: {run:?}");
        assert!(run.errors.contains(error), "{options:?}: {run:?}");
    }
}
