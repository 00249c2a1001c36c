//! Other users of the machine, and callers that misbehave.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use super::fixture::{AUDIENCE, Fixture, is_root};

/// A user without a rule: `nobody`.
const OTHER: u32 = 65_534;

/// Asks for a token as this user, and returns the status, or `None` if connecting fails.
fn ask_as(fixture: &Fixture, uid: u32) -> Option<String> {
    let url = format!("http://localhost/token?audience={AUDIENCE}");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    curl.arg("--unix-socket").arg(fixture.socket()).arg(url).uid(uid);
    let output = curl.output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    (status != "000").then_some(status)
}

#[tokio::test]
async fn other_users_cannot_connect_and_have_no_tokens_if_they_can() {
    if !is_root("connections of another user") {
        return;
    }
    let fixture = Fixture::new();
    fs::set_permissions(fixture.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let agent = fixture.start();
    fixture.token().await;
    assert_eq!(ask_as(&fixture, 0).as_deref(), Some("200"));
    assert_eq!(ask_as(&fixture, OTHER), None);
    agent.stop();

    // A socket that every user may connect to: the credentials of the peer decide.
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    fixture.write_config(&config.replace("[listen]", "[listen]\nmode = \"0666\""));
    let agent = fixture.start();
    fixture.token().await;
    assert_eq!(ask_as(&fixture, OTHER).as_deref(), Some("403"));
    agent.stop();
    let agent = super::fixture::Agent::start(fixture.command(&["--allow-uid", "65534"]));
    while ask_as(&fixture, OTHER).as_deref() == Some("503") {}
    assert_eq!(ask_as(&fixture, OTHER).as_deref(), Some("200"));
    assert_eq!(ask_as(&fixture, 0).as_deref(), Some("403"));
    drop(agent);
}

#[tokio::test]
async fn bounds_slow_and_huge_requests() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    fixture.token().await;
    let connect = || {
        let stream = UnixStream::connect(fixture.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    };
    let mut huge = connect();
    let _ = huge.write_all(format!("GET /token?{} HTTP/1.1\r\n", "x".repeat(64 * 1024)).as_bytes());
    let mut response = Vec::new();
    let _ = huge.read_to_end(&mut response);
    assert!(!response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));

    // More silent connections than the agent accepts do not keep others out.
    let silent: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = connect();
            let _ = stream.write_all(b"GET /token HTTP/1.1\r\n");
            stream
        })
        .collect();
    fixture.token().await;
    for mut stream in silent {
        // Each ends by itself, within the timeout of a head.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    }
}
