//! Rejections: status, challenge and problem details.

use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::case::vector;
use super::client::{Connection, HttpResponse, VERSIONS};
use super::process::Server;

#[tokio::test]
async fn rejections_have_a_challenge_and_problem_details() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let (good, tampered) = (case.authorization.as_str(), case.tampered());
    let (missing, malformed) = (None, Some("invalid_request"));
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for (authorizations, error, code) in [
            (&[][..], missing, "credentials_missing"),
            (&["Bearer x"], missing, "credentials_missing"),
            (&["Kliento"], malformed, "credentials_malformed"),
            (&["Kliento !"], malformed, "credentials_malformed"),
            (&[good, good], malformed, "credentials_malformed"),
            (&["Bearer x", good], malformed, "credentials_malformed"),
            (&[&tampered], Some("invalid_token"), "credentials_invalid"),
        ] {
            let response = connection.get("/whoami", authorizations).await;
            assert_rejected(&response, &case.audience, error, code);
        }
        // The connection stays open.
        assert_eq!(connection.get("/whoami", &[good]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn allows_listed_workloads_only() {
    let case = vector("member-user");
    let subject = case.expected["subject"].as_str().unwrap();
    let (_, organisation) = subject.split_once('@').unwrap();
    for (flag, value, expected) in [
        ("--allow-organisation", organisation, StatusCode::OK),
        ("--allow-subject", subject, StatusCode::OK),
        ("--allow-subject", organisation, StatusCode::FORBIDDEN),
        ("--allow-organisation", "partner.example", StatusCode::FORBIDDEN),
    ] {
        let arguments = ["--audience", &case.audience, "--clock", &case.at, flag, value];
        let server = Server::start_with(&case, &arguments);
        let mut connection = Connection::open(&server, VERSIONS[0]).await;
        let response = connection.get("/whoami", &[&case.authorization]).await;
        assert_eq!(response.status, expected, "{flag} {value}");
    }
}

#[tokio::test]
async fn rejects_tokens_for_other_audiences() {
    let case = vector("member-user");
    let audience = "https://api.example.net";
    let server = Server::start_with(&case, &["--audience", audience, "--clock", &case.at]);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let response = connection.get("/whoami", &[&case.authorization]).await;
        assert_rejected(&response, audience, Some("invalid_token"), "credentials_invalid");
    }
}

/// Client libraries normalise names, so this request is written by hand.
#[tokio::test]
async fn rejects_two_headers_in_any_case() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let good = &case.authorization;
    let fields = format!("Authorization: {good}\r\nAUTHORIZATION: Kliento QQ==\r\n");
    let head = send_fields(&server, &fields).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(head.contains("credentials_malformed"));
    let head = send_fields(&server, &format!("aUTHORIZATION:{good} \t\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test]
async fn unknown_paths_are_404() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for authorizations in [&[][..], &[case.authorization.as_str()]] {
            let response = connection.get("/whoami/", authorizations).await;
            assert_eq!(response.status, StatusCode::NOT_FOUND);
        }
    }
}

fn assert_rejected(response: &HttpResponse, audience: &str, error: Option<&str>, code: &str) {
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    let error = error.map_or(String::new(), |error| format!(", error=\"{error}\""));
    let challenge = format!("Kliento realm=\"{audience}\"{error}");
    assert_eq!(response.header("www-authenticate"), challenge);
    assert_eq!(response.header("content-type"), "application/problem+json");
    let problem = response.json();
    assert_eq!(problem["code"], code);
    assert_eq!(problem["status"], json!(401));
    assert_eq!(problem["title"], "Unauthorized");
}

/// Sends a request with these fields, and reads until the server closes the connection.
async fn send_fields(server: &Server, fields: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let head = format!("GET /whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}
