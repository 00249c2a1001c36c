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

async fn has_token(fixture: &Fixture) -> bool {
    let client = reqwest::Client::builder().unix_socket(fixture.socket()).build().unwrap();
    let request = client.get(format!("http://localhost/token?audience={AUDIENCE}"));
    request.send().await.is_ok_and(|response| response.status().is_success())
}

/// Connects as this user, and holds that many connections until the process is killed.
fn hold_as(fixture: &Fixture, uid: u32, count: usize) -> std::process::Child {
    let script = "import socket, sys, time\n\
        held = []\n\
        for _ in range(int(sys.argv[2])):\n    \
            held.append(socket.socket(socket.AF_UNIX))\n    \
            held[-1].connect(sys.argv[1])\n\
            \n\
        print('held', flush=True)\n\
        time.sleep(600)\n";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(fixture.socket()).arg(count.to_string()).uid(uid);
    let mut child = python.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    child
}

/// Neither one with a rule nor one without it can take all connections.
#[tokio::test]
async fn another_user_keeps_nobody_out() {
    if !is_root("connections of another user") {
        return;
    }
    let fixture = Fixture::new();
    fs::set_permissions(fixture.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let config = config.replace("[listen]", "[listen]\nmode = \"0666\"");
    let rule = format!("[[allow]]\nuid = {OTHER}\naudiences = [\"{AUDIENCE}\"]\n");
    for rules in [String::new(), rule] {
        fixture.write_config(&format!("{config}\n{rules}"));
        let agent = fixture.start();
        fixture.token().await;
        let mut holder = hold_as(&fixture, OTHER, 400);
        for _ in 0..10 {
            assert_eq!(ask_as(&fixture, 0).as_deref(), Some("200"));
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        agent.stop();
    }
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

    // More silent connections than the agent accepts do not keep others out. This user has 64 of
    // them at a time, of which each is protected for a second.
    let silent: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = connect();
            let _ = stream.write_all(b"GET /token HTTP/1.1\r\n");
            stream
        })
        .collect();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !has_token(&fixture).await {
        assert!(std::time::Instant::now() < deadline);
    }
    for mut stream in silent {
        // Each ends by itself, within the timeout of a head.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    }
}
