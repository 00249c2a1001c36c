//! The caller, as the service reports it.

use http::StatusCode;
use serde_json::{Value, json};

use super::case::{Case, reference, vector};
use super::client::{Connection, VERSIONS};
use super::process::Server;

#[tokio::test]
async fn whoami_reports_the_verified_bundle() {
    for (name, user) in [
        ("member-user", Some("alice")),
        ("member-bot", None),
        ("organisation-user", Some("alice")),
        ("organisation-bot", None),
    ] {
        let case = vector(name);
        let server = Server::start(&case);
        for version in VERSIONS {
            let mut connection = Connection::open(&server, version).await;
            let response = connection.get("/whoami", &[&case.authorization]).await;
            assert_eq!((response.status, response.version), (StatusCode::OK, version), "{name}");
            assert_eq!(response.header("content-type"), "application/json");
            let expected = json!({
                "subject": case.expected["subject"],
                "organisation": "example.com",
                "user": user,
                "signer": case.expected["signer"],
                "audience": case.audience,
                "claims": case.expected["claims"],
                "validUntil": case.expected["valid_until"],
            });
            assert_eq!(response.json(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn accepts_bundles_of_the_reference_implementation() {
    for name in ["member-user", "member-bot", "org-user", "org-bot", "user-unicode-astral"] {
        let case = reference(name);
        let server = Server::start(&case);
        for version in VERSIONS {
            let mut connection = Connection::open(&server, version).await;
            let caller = connection.get("/whoami", &[&case.authorization]).await.json();
            for member in ["subject", "signer", "claims"] {
                assert_eq!(caller[member], case.expected[member], "{member} of {name}");
            }
        }
    }
}

#[tokio::test]
async fn public_ignores_credentials_and_optional_allows_missing_ones() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for authorizations in [vec![], vec![case.authorization.as_str()], vec!["Kliento !"]] {
            let response = connection.get("/public", &authorizations).await;
            assert_eq!(
                (response.status, &response.body[..]),
                (StatusCode::OK, &b"open to all\n"[..])
            );
        }
        let anonymous = connection.get("/optional", &[]).await;
        assert_eq!((anonymous.status, &anonymous.body[..]), (StatusCode::OK, &b"anonymous\n"[..]));
        let known = connection.get("/optional", &[&case.authorization]).await;
        assert_eq!(known.body, format!("{}\n", text(&case.expected["subject"])));
        let bad = connection.get("/optional", &[&case.tampered()]).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn accepts_each_of_several_audiences() {
    let case = vector("member-user");
    let audiences = ["--audience", "https://other.example", "--audience", &case.audience];
    let server = Server::start_with(&case, &[&audiences[..], &["--clock", &case.at]].concat());
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let caller = connection.get("/whoami", &[&case.authorization]).await.json();
        assert_eq!(caller["audience"], case.audience);
    }
}

/// The recorded bundles have expired.
#[tokio::test]
async fn uses_the_system_clock_by_default() {
    let case: Case = reference("member-user");
    let server = Server::start_with(&case, &["--audience", &case.audience]);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let response = connection.get("/whoami", &[&case.authorization]).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED);
        assert_eq!(response.json()["code"], "credentials_invalid");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
