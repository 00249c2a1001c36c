//! The routes, over HTTP/1 and HTTP/2.

use std::time::Duration;

use http::StatusCode;

use crate::case::{reference, vector};
use crate::client::{Connection, VERSIONS};
use crate::process::Server;

#[tokio::test]
async fn whoami_reports_the_verified_bundle() {
    for case in [vector("member-user"), reference("org-bot"), vector("authorization-maximum")] {
        let server = Server::start(&case);
        for version in VERSIONS {
            let mut connection = Connection::open(&server, version).await;
            let response = connection.get("/whoami", &[&case.authorization]).await;
            assert_eq!((response.status, response.version), (StatusCode::OK, version));
            for member in ["subject", "signer", "claims"] {
                assert_eq!(response.json()[member], case.expected[member], "{member}");
            }
        }
    }
}

#[tokio::test]
async fn rejects_missing_malformed_and_invalid_credentials() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let (good, tampered) = (case.authorization.as_str(), case.tampered());
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for (authorizations, code) in [
            (&[][..], "credentials_missing"),
            (&["Bearer x"], "credentials_missing"),
            (&["Kliento !"], "credentials_malformed"),
            (&[good, good], "credentials_malformed"),
            (&[&tampered], "credentials_invalid"),
        ] {
            let response = connection.get("/whoami", authorizations).await;
            assert_eq!(response.status, StatusCode::UNAUTHORIZED);
            assert_eq!(response.json()["code"], code);
            assert!(response.header("www-authenticate").starts_with("Kliento realm="));
        }
        assert_eq!(connection.get("/whoami", &[good]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn allows_listed_workloads_only() {
    let case = reference("member-user");
    let status = async |flags: &[&str]| {
        let arguments = ["--audience", &case.audience, "--clock", &case.at];
        let server = Server::start_with(&case, &[&arguments, flags].concat());
        let mut connection = Connection::open(&server, VERSIONS[0]).await;
        connection.get("/whoami", &[&case.authorization]).await.status
    };
    for (flags, expected) in [
        (&["--allow-organisation", "example.com"][..], StatusCode::OK),
        (&["--allow-organisation", "*.com"], StatusCode::OK),
        (&["--allow-subject", "alice@example.com"], StatusCode::OK),
        (&["--allow-organisation", "example.net"], StatusCode::FORBIDDEN),
        (&["--allow-subject", "example.com"], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(flags).await, expected, "{flags:?}");
    }
}

/// The token of the bundle starts at 17:58.
#[tokio::test]
async fn tolerates_fast_clocks_of_clients() {
    let case = reference("member-user");
    let status = async |at: &str, flags: &[&str]| {
        let arguments = ["--audience", &case.audience, "--clock", at];
        let server = Server::start_with(&case, &[&arguments, flags].concat());
        let mut connection = Connection::open(&server, VERSIONS[0]).await;
        connection.get("/whoami", &[&case.authorization]).await.status
    };
    let (within, before) = ("2026-11-22T17:57:55Z", "2026-11-22T17:57:54Z");
    assert_eq!(status(within, &[]).await, StatusCode::OK);
    assert_eq!(status(before, &[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(within, &["--clock-skew", "0s"]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(before, &["--clock-skew", "1m"]).await, StatusCode::OK);
}

#[tokio::test]
async fn public_ignores_credentials_and_optional_allows_missing_ones() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for authorizations in [vec![], vec![case.authorization.as_str()], vec!["Kliento !"]] {
            assert_eq!(connection.get("/public", &authorizations).await.body, "open to all\n");
        }
        assert_eq!(connection.get("/optional", &[]).await.body, "anonymous\n");
        let known = connection.get("/optional", &[&case.authorization]).await;
        assert_eq!(known.body, format!("{}\n", case.expected["subject"].as_str().unwrap()));
        let invalid = connection.get("/optional", &[&case.tampered()]).await;
        assert_eq!(invalid.status, StatusCode::UNAUTHORIZED);
        assert_eq!(connection.get("/other", &[]).await.status, StatusCode::NOT_FOUND);
    }
}

/// The client learns why the stream ends, and the server does not wait for it.
#[tokio::test]
async fn shutdown_ends_streams() {
    let case = vector("member-user");
    for version in VERSIONS {
        let server = Server::start(&case);
        let mut connection = Connection::open(&server, version).await;
        let authorizations = [case.authorization.as_str()];
        let ticks = connection.get("/ticks", &authorizations);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            server.signal("-TERM");
        };
        let (response, ()) = tokio::join!(ticks, stop);
        let body = str::from_utf8(&response.body).unwrap();
        let subject = case.expected["subject"].as_str().unwrap();
        assert!(body.starts_with(&format!("event: tick\ndata: {subject}\n\n")), "{body}");
        assert!(body.ends_with("\ndata: server_shutdown\n\n"), "{body}");
        // The client keeps its connection, and answers nothing meanwhile.
        let (status, log) = server.wait();
        drop(connection);
        assert!(status.success() && log.contains("dropped_requests=0"), "{log}");
    }
}

#[tokio::test]
async fn stops_gracefully() {
    let case = vector("member-user");
    let arguments = ["--audience", "https://other.example", "--audience", &case.audience];
    let server = Server::start_with(&case, &[&arguments[..], &["--clock", &case.at]].concat());
    let mut connection = Connection::open(&server, VERSIONS[1]).await;
    assert_eq!(connection.get("/whoami", &[&case.authorization]).await.status, StatusCode::OK);
    server.signal("-TERM");
    connection.ended.await.unwrap().unwrap();
    let (status, log) = server.wait();
    assert!(status.success() && log.contains("dropped_requests=0"), "{log}");
}
