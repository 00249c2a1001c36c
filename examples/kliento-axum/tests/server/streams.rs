//! Streams end when their bundle expires, and their clients learn why: those of Node.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use veraid::testing::MockEnvironment;

use crate::case::{Case, vector};
use crate::process::Server;

const AUDIENCE: &str = "https://api.example.com";
/// Far longer than any step takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Enough to start Node and to connect, also on a busy machine.
const VALIDITY: Duration = Duration::from_secs(8);

/// Signs a bundle that expires soon.
fn expiring() -> Case {
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let start = now - Duration::from_secs(60);
    let environment =
        MockEnvironment::new(Period::new(start, now + Duration::from_secs(3600)).unwrap());
    let environment = environment.unwrap();
    let member = environment.organisation("example.org").unwrap().member("carol").unwrap();
    let (token, service) = (Token::new(AUDIENCE).to_json(), SERVICE.parse().unwrap());
    let period = Period::new(start, now + VALIDITY).unwrap();
    let octets = member.sign(token.as_bytes(), &service, period).unwrap();
    Case {
        authorization: TokenBundle::from_bytes(octets).unwrap().to_authorization(),
        audience: AUDIENCE.to_owned(),
        at: now.to_string(),
        trust_anchor: environment.trust_anchors().unwrap()[0].to_string(),
        expected: json!({ "subject": "carol@example.org" }),
    }
}

/// A running client on Node, which prints lines of JSON.
struct Client {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Client {
    fn start(name: &str, server: &Server, case: &Case) -> Self {
        let script = format!("{}/tests/server/clients/{name}.mjs", env!("CARGO_MANIFEST_DIR"));
        // WebSockets need the flag before Node 22.
        let arguments = ["--experimental-websocket", "--no-warnings", script.as_str()];
        let mut node = Command::new("node");
        node.args(arguments).args([&server.address, &case.authorization]);
        let child = node.stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.expect("Node 20.10 or later");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { lines, _child: child }
    }

    /// Returns the next line; `None` after the last one.
    async fn next(&mut self) -> Option<Value> {
        let line = timeout(TEST_TIMEOUT, self.lines.next_line()).await.expect("a line");
        line.unwrap().map(|line| serde_json::from_str(&line).unwrap())
    }

    async fn all(mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

/// The end has a code. With the same bundle the client is rejected.
#[tokio::test]
async fn websocket_ends_when_its_bundle_expires() {
    let case = expiring();
    let server = Server::start_with(&case, &["--audience", AUDIENCE]);
    let lines = Client::start("echo", &server, &case).all().await;
    let expected = [
        json!({ "message": "first" }),
        json!({ "code": 4401, "reason": "token_expired", "wasClean": true }),
        json!({ "failed": true }),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn events_end_when_their_bundle_expires() {
    let case = expiring();
    let server = Server::start_with(&case, &["--audience", AUDIENCE]);
    let events = Client::start("ticks", &server, &case).all().await;
    let (last, ticks) = events.split_last().unwrap();
    assert!(!ticks.is_empty());
    for tick in ticks {
        assert_eq!(*tick, json!({ "event": "tick", "data": "carol@example.org" }));
    }
    assert_eq!((&last["event"], &last["data"]), (&json!("session-ended"), &json!("token_expired")));
    let retry: u64 = last["retry"].as_str().unwrap().parse().unwrap();
    assert!((1000..5000).contains(&retry), "{retry}");
}

/// The server does not wait for open WebSockets.
#[tokio::test]
async fn shutdown_ends_websockets() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let mut client = Client::start("echo", &server, &case);
    assert_eq!(client.next().await, Some(json!({ "message": "first" })));
    server.signal("-TERM");
    let expected = json!({ "code": 1013, "reason": "server_shutdown", "wasClean": true });
    assert_eq!(client.next().await, Some(expected));
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
}
