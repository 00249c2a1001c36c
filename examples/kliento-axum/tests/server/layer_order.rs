//! The order of the layers, as a client observes it.

use std::fs;
use std::path::Path;

use http::header::{ACCEPT_ENCODING, ORIGIN};
use http::{HeaderValue, Method, StatusCode};

use crate::case::vector;
use crate::client::{Connection, VERSIONS};
use crate::process::Server;

#[tokio::test]
async fn preflight_requests_need_no_credentials() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let mut preflight = connection.request(Method::OPTIONS, "/whoami");
        for (name, value) in [
            ("origin", "https://app.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ] {
            preflight.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let response = connection.send(preflight).await.unwrap();
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(response.header("access-control-allow-origin"), "*");
        assert_eq!(response.header("access-control-allow-headers"), "authorization");
    }
}

#[tokio::test]
async fn rejections_are_readable_by_scripts_and_compressed() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        let mut request = connection.request(Method::GET, "/whoami");
        let headers = request.headers_mut();
        headers.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let response = connection.send(request).await.unwrap();
        assert_eq!(response.status, StatusCode::UNAUTHORIZED);
        assert_eq!(response.header("access-control-allow-origin"), "*");
        assert_eq!(response.header("access-control-expose-headers"), "www-authenticate");
        assert_eq!(response.header("content-type"), "application/problem+json");
        assert_eq!(response.header("content-encoding"), "gzip");
        assert_eq!(response.body[..2], [0x1f, 0x8b]);
    }
}

/// At level TRACE too. The response does not contain the reason.
#[tokio::test]
async fn trace_logs_the_reason_and_no_credentials() {
    let case = vector("member-user");
    let tampered = case.tampered();
    let arguments = ["--audience", &case.audience, "--clock", &case.at];
    let server = Server::start_logging(&case, &arguments, "trace");
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        connection.get("/whoami", &[&case.authorization]).await;
        let rejected = connection.get("/whoami", &[&tampered]).await;
        assert!(!String::from_utf8_lossy(&rejected.body).contains("signature-mismatch"));
    }
    // The log is written by a thread of its own, which ends with the server.
    server.signal("-TERM");
    let (_, log) = server.wait();
    let completed = log.lines().filter(|line| line.contains("request completed"));
    assert_eq!(completed.clone().filter(|line| line.contains("status=200")).count(), 2);
    let rejected = completed.filter(|line| line.contains("status=401"));
    assert_eq!(rejected.filter(|line| line.contains("signature-mismatch")).count(), 2);
    // Both credentials have these characters.
    assert!(!log.contains(&case.authorization[100..140]), "{log}");
}

/// `docs/deployment.md` quotes the tested code. A copy of this example has no such file.
#[test]
fn document_quotes_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(document) = fs::read_to_string(root.join("../../docs/deployment.md")) else { return };
    let code = fs::read_to_string(root.join("src/layers.rs")).unwrap();
    let begin = code.find("pub(crate) fn with_layers").unwrap();
    let end = begin + code[begin..].find("\n}\n").unwrap();
    assert!(document.contains(&code[begin..end]));
}
