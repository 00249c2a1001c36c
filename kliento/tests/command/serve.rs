//! `kliento serve`, over a real socket.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::reference::{Case, case};
use crate::run::command;

const BUNDLE: &str = "application/vnd.kliento.token-bundle";
const HEADER: &str = "application/vnd.kliento.auth-header";

/// A running service, which ends when it is dropped.
pub(crate) struct Service {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Service {
    fn start(case: &Case) -> Self {
        Self::start_with(case, &["--at", &case.at])
    }

    pub(crate) fn start_with(case: &Case, rest: &[&str]) -> Self {
        Self::run(&case.arguments(&["serve", "--listen", "127.0.0.1:0"], rest))
    }

    pub(crate) fn run(arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut service = Self { child, output, address: String::new() };
        let line = service.next_line();
        line.strip_prefix("listening on http://")
            .expect("an address")
            .clone_into(&mut service.address);
        service
    }

    /// Reads a line of what the service announces.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn post(&self, case: &Case) -> RequestBuilder {
        Client::new().post(self.url("/")).query(&[("audience", &case.audience)])
    }

    /// Sends SIGTERM, as service managers do.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Returns the exit status and the log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response: Response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn accepts_prefixes_of_translated_addresses() {
    let case = case("member-user");
    let prefixes = ["--nat64-prefix", "2001:db8:64::/96", "--nat64-prefix", "::/96"];
    let service = Service::start_with(&case, &[&["--at", &case.at], &prefixes[..]].concat());
    let (status, report) = send(service.post(&case).body(case.octets())).await;
    assert_eq!((status, &report["status"]), (StatusCode::OK, &json!("valid")));
    let run = crate::run::kliento(&["serve", "--nat64-prefix", "2001:db8::/33"]);
    assert_eq!((run.status, run.errors.contains("32, 40, 48, 56, 64 or 96 bits")), (2, true));
}

#[tokio::test]
async fn verifies_bundles_and_header_values() {
    let case = case("member-user");
    let service = Service::start(&case);
    let header = kliento::TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let requests = [
        service.post(&case).body(case.octets()),
        service.post(&case).header(CONTENT_TYPE, BUNDLE).body(case.octets()),
        service
            .post(&case)
            .header(CONTENT_TYPE, "Application/VND.kliento.token-bundle; x=y")
            .body(case.octets()),
        service.post(&case).header(CONTENT_TYPE, HEADER).body(header.clone()),
        service.post(&case).header(CONTENT_TYPE, HEADER).body(format!("{header}\n")),
    ];
    for request in requests {
        let (status, verdict) = send(request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(verdict["status"], "valid");
        assert_eq!(verdict["subject"], "alice@example.com");
        assert_eq!(verdict["subjectId"], "alice@example.com");
        assert_eq!(verdict["claims"], json!({ "permission": "read-only" }));
    }
}

#[tokio::test]
async fn accepts_bundle_that_starts_later_by_5_seconds() {
    let case = case("member-user");
    for (rest, expected) in [
        (&["--at", "2026-11-22T17:57:55Z"][..], "valid"),
        (&["--at", "2026-11-22T17:57:54Z"], "invalid"),
        (&["--at", "2026-11-22T17:57:55Z", "--clock-skew", "0s"], "invalid"),
    ] {
        let service = Service::start_with(&case, rest);
        let (_, verdict) = send(service.post(&case).body(case.octets())).await;
        assert_eq!(verdict["status"], expected, "{rest:?}: {verdict}");
    }
}

#[tokio::test]
async fn distinguishes_invalid_from_malformed() {
    let case = case("org-bot");
    let service = Service::start(&case);
    let mut other = case.clone();
    other.audience = "https://other.example.com".to_owned();
    let (status, verdict) = send(service.post(&other).body(case.octets())).await;
    assert_eq!((status, &verdict["status"]), (StatusCode::OK, &json!("invalid")));
    assert_eq!(verdict["code"], "audience-mismatch");
    for body in [vec![], b"not a bundle".to_vec(), vec![0x30; 16_385]] {
        let (status, verdict) = send(service.post(&case).body(body)).await;
        assert_eq!((status, &verdict["status"]), (StatusCode::OK, &json!("malformed")));
        assert!(verdict["error"].as_str().is_some_and(|error| !error.is_empty()));
    }
}

#[tokio::test]
async fn rejects_malformed_requests() {
    let case = case("member-user");
    let service = Service::start(&case);
    let post = |path: &str| Client::new().post(service.url(path)).body(case.octets());
    for path in ["/", "/?audience=", "/?audience=a&audience=b", "/?Audience=a"] {
        let (status, error) = send(post(path)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(error["error"].is_string());
    }
    let form = service.post(&case).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(send(form.body("x")).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = service.post(&case).body(vec![0; 64 * 1024 + 1]);
    assert_eq!(send(large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(post("/other?audience=a")).await.0, StatusCode::NOT_FOUND);
    let get = Client::new().get(service.url("/?audience=a")).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    let health = Client::new().get(service.url("/health")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

#[tokio::test]
async fn slow_bodies_do_not_block_other_requests() {
    let case = case("member-user");
    let service = Service::start(&case);
    // More than `MAX_CONCURRENT_REQUESTS`.
    let mut waiting = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(&service.address).await.unwrap();
        stream
            .write_all(b"POST /?audience=a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
            .await
            .unwrap();
        waiting.push(stream);
    }
    for _ in 0..3 {
        let (status, verdict) = send(service.post(&case).body(case.octets())).await;
        assert_eq!((status, &verdict["status"]), (StatusCode::OK, &json!("valid")));
    }
    let health = Client::new().get(service.url("/health")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    drop(waiting);
}

/// Opens a connection with `requests` requests whose bodies never arrive.
async fn unfinished_requests(service: &Service, requests: u32) -> TcpStream {
    // A POST with the path `/?audience=a` and the authority `a` (RFC 7541).
    const HEADERS: &[u8] = b"\x83\x86\x44\x0c/?audience=a\x41\x01a";
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for request in 0..requests {
        let length = u8::try_from(HEADERS.len()).unwrap();
        // HEADERS with END_HEADERS, but not END_STREAM.
        octets.extend_from_slice(&[0, 0, length, 1, 4]);
        octets.extend_from_slice(&(2 * request + 1).to_be_bytes());
        octets.extend_from_slice(HEADERS);
    }
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    stream.write_all(&octets).await.unwrap();
    stream
}

#[tokio::test]
async fn further_body_replaces_the_oldest() {
    let case = case("member-user");
    let service = Service::start(&case);
    let mut oldest = unfinished_requests(&service, 1).await;
    // 16 requests per connection: twice `MAX_BODIES_PER_ADDRESS`, since the service may begin with
    // the requests of other connections before that of the oldest.
    let mut waiting = Vec::new();
    for _ in 0..130 {
        waiting.push(unfinished_requests(&service, 16).await);
    }
    let response = async {
        let (mut octets, mut buffer) = (Vec::new(), [0; 1024]);
        while !octets.windows(20).any(|data| data == b"Too many requests at") {
            let length = oldest.read(&mut buffer).await.unwrap();
            assert!(length > 0);
            octets.extend_from_slice(&buffer[..length]);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), response).await.unwrap();
    let (status, verdict) = send(service.post(&case).body(case.octets())).await;
    assert_eq!((status, &verdict["status"]), (StatusCode::OK, &json!("valid")));
}

#[tokio::test]
async fn bounds_the_log_of_each_verdict() {
    let case = case("member-user");
    let mut other = case.clone();
    // In the log, the text of clients is cut.
    other.audience = "x".repeat(5_000);
    for (request, verdict, event) in [(&case, "valid", "verified"), (&other, "invalid", "rejected")]
    {
        let service = Service::start(&case);
        let verify = async || {
            let (_, body) = send(service.post(request).body(case.octets())).await;
            assert_eq!(body["status"], verdict);
        };
        let start = std::time::Instant::now();
        for _ in 0..60 {
            verify().await;
        }
        let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        verify().await;
        service.terminate();
        let (_, log) = service.end();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(event)).collect();
        assert!((2..=5 * (seconds + 1) + 1).contains(&lines.len()), "{log}");
        assert!(lines.iter().all(|line| line.len() < 1_000), "{log}");
        assert!(lines.iter().any(|line| !line.contains("suppressed=0")), "{log}");
    }
}

#[tokio::test]
async fn completes_open_request_at_shutdown_and_logs_no_credential() {
    let case = case("member-user");
    let service = Service::start(&case);
    let body = case.octets();
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    let path = "/?audience=https%3A%2F%2Fapi.example.com";
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..100]).await.unwrap();
    // A response to a later request shows that the service has the earlier one.
    assert_eq!(send(service.post(&case).body(body.clone())).await.0, StatusCode::OK);
    service.terminate();
    // Connecting fails once the listener is closed.
    while TcpStream::connect(&service.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stream.write_all(&body[100..]).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert!(response.contains(r#""status":"valid""#), "{response}");
    let (status, log) = service.end();
    assert!(status.success(), "{status}: {log}");
    assert!(log.contains("alice@example.com"), "{log}");
    assert!(log.contains("--at"), "{log}");
    assert!(!log.contains("MIIV") && !log.to_lowercase().contains("kliento m"), "{log}");
}
