//! A folder with keys, a mock chain and a configuration, and agents that run in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Run, command, feed};

pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// The keys of an organisation and of a member, a mock chain, and the agent's socket.
pub(crate) struct Fixture {
    folder: TempDir,
}

/// A running agent, which ends when it is dropped.
pub(crate) struct Agent {
    pub(crate) child: Child,
    /// What the agent says that it listens on.
    pub(crate) address: String,
}

/// A response of the agent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture.succeed(&["key", "generate", "-o", "organisation.pem"]);
        let mock = ["mock", "--org", "example.com", "--key", "organisation.pem"];
        fixture.succeed(&[&mock[..], &["--ttl", "3600", "--out-dir", "."]].concat());
        fixture.configure("");
        fixture
    }

    /// Writes a configuration that allows one audience with a claim, and these lines before it.
    pub(crate) fn configure(&self, first: &str) {
        self.write_config(&format!(
            "{first}\n{}\n{}",
            self.common("chain.der"),
            r#"
            [listen]
            socket = "agent.sock"
            [[allow]]
            audiences = ["https://api.example.com"]
            claims = { permission = ["read-only"] }
            "#
        ));
    }

    /// Returns the configuration without listener and rules.
    pub(crate) fn common(&self, chain: &str) -> String {
        format!(
            r#"
            organisation = "example.com"
            trust-anchors = ["{}"]
            [chain]
            file = "{chain}"
            max-interval = "1s"
            [identity]
            key = "organisation.pem"
            member = "alice"
            "#,
            self.anchor()
        )
    }

    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.path("agent.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("agent.sock")
    }

    pub(crate) fn anchor(&self) -> String {
        fs::read_to_string(self.path("trust-anchor.txt")).unwrap().trim_end().to_owned()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command(arguments);
        command.current_dir(&self.folder);
        feed(command, b"")
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{arguments:?}");
        run.output
    }

    /// Returns the command of the agent, which is not started.
    pub(crate) fn command(&self, rest: &[&str]) -> Command {
        let mut command = command(&[&["agent", "--config", "agent.toml"], rest].concat());
        command.current_dir(&self.folder);
        command
    }

    pub(crate) fn start(&self) -> Agent {
        Agent::start(self.command(&[]))
    }

    /// Starts an agent that is to fail, and returns its errors.
    pub(crate) fn fail(&self) -> String {
        let run = feed(self.command(&[]), b"");
        assert_eq!(run.status, 2, "{run:?}");
        run.errors
    }

    /// Asks over the socket.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(path, "*/*").await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        let client = Client::builder().unix_socket(self.socket()).build().unwrap();
        let request = client.get(format!("http://localhost{path}")).header("accept", accept);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    /// Asks until the chain was read, and returns the first response with this status.
    pub(crate) async fn get_until(&self, path: &str, status: StatusCode) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get(path).await;
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < deadline, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns a token for the audience, once the agent has read the chain.
    pub(crate) async fn token(&self) -> Value {
        let path = format!("/token?audience={AUDIENCE}");
        self.get_until(&path, StatusCode::OK).await.json()
    }

    /// Verifies the value of a header as a service does.
    pub(crate) fn verify(&self, header: &str) -> Value {
        let anchor = self.anchor();
        let fixed = ["verify", "--json", "--auth-header", "--audience", AUDIENCE];
        let arguments = [&fixed[..], &["--trust-anchor", &anchor]].concat();
        let run = feed(command(&arguments), header.as_bytes());
        assert_eq!(run.status, 0, "{run:?}");
        run.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that it is a problem with this status and this code.
    pub(crate) fn assert_problem(&self, status: StatusCode, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.json()["code"], code);
    }
}

impl Agent {
    /// Starts a command, and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            let mut log = String::new();
            child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
            panic!("{line} {log}");
        };
        Self { address: address.to_owned(), child }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit status and the log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, log)
    }

    /// Sends SIGTERM, and returns the log.
    pub(crate) fn stop(self) -> String {
        self.signal("-TERM");
        let (status, log) = self.end();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns whether this process is root, and says what is skipped if it is not.
pub(crate) fn is_root(skipped: &str) -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    let is_root = output.stdout.trim_ascii() == b"0";
    if !is_root {
        print_skipped(&format!("{skipped}, which needs root"));
    }
    is_root
}

#[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
pub(crate) fn print_skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
}

/// Returns the names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
