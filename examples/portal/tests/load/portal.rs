//! Runs the portal as a process, on a temporary database.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The number of passwords that are hashed concurrently, in 64 MiB each.
pub(crate) const PERMITS: u64 = 2;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portal");
/// Longer than any request takes.
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) struct Portal {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: Client,
    /// The admin's, so that the audit log can be read without a login.
    access_token: String,
    idle_memory_kib: Option<u64>,
    _directory: TempDir,
}

impl Portal {
    /// Starts a portal with an admin `alice`, and with rate limits that do not matter.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("portal.db");
        create_alice(&database);
        let (child, url) = start(&database);
        let client = Client::builder().timeout(DEADLINE).build().unwrap();
        let access_token = String::new();
        let idle_memory_kib = peak_memory_kib(&child);
        let mut portal =
            Self { child, url, client, access_token, idle_memory_kib, _directory: directory };
        let alice = portal.log_in("alice", PASSWORD, "192.0.2.200").await;
        let alice: Value = alice.json().await.unwrap();
        alice["access_token"].as_str().unwrap().clone_into(&mut portal.access_token);
        portal
    }

    /// Logs in with this address in `X-Forwarded-For`, as a proxy does.
    pub(crate) async fn log_in(&self, name: &str, password: &str, from: &str) -> Response {
        let login = self.client.post(format!("{}/api/auth/login", self.url));
        let login = login.header("x-forwarded-for", from);
        let credentials = json!({"username": name, "password": password});
        login.json(&credentials).send().await.unwrap()
    }

    /// Counts the audit records of an event.
    pub(crate) async fn count(&self, event: &str) -> usize {
        let records = format!("{}/api/admin/audit?limit=1000&event={event}", self.url);
        let records = self.client.get(records).bearer_auth(&self.access_token);
        let records: Vec<Value> = records.send().await.unwrap().json().await.unwrap();
        records.len()
    }

    /// Asserts that hashing uses no more memory than the permits allow, and the rest at most 64
    /// MiB.
    pub(crate) fn assert_memory_is_bounded(&self) {
        let (Some(idle), Some(peak)) = (self.idle_memory_kib, peak_memory_kib(&self.child)) else {
            println!("memory was not measured: unsupported system");
            return;
        };
        let max = idle + (PERMITS * 64 + 64) * 1024;
        println!("{idle} KiB idle, {peak} KiB peak, limit {max} KiB");
        assert!(peak <= max, "{peak} KiB, limit {max} KiB");
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn create_alice(database: &Path) {
    let mut create = Command::new(PROGRAM);
    create.args(["create-admin", "alice", "--password-stdin", "--database"]).arg(database);
    create.env("RUST_LOG", "error").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut create = create.spawn().unwrap();
    writeln!(create.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(create.wait().unwrap().success());
}

/// Starts the portal, and waits for the line with its address.
fn start(database: &Path) -> (Child, String) {
    let mut portal = Command::new(PROGRAM);
    portal.args(["--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1/32"]);
    portal.args(["--login-limit", "100000/1", "--api-limit", "100000/1"]);
    portal.args(["--argon2-permits", &PERMITS.to_string(), "--database"]).arg(database);
    portal.env("RUST_LOG", "error").stdin(Stdio::null());
    let mut child = portal.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    (child, url)
}

/// Returns the peak memory of a process in KiB; only on Linux.
fn peak_memory_kib(process: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Returns the code of a response, or `ok`; asserts that a 503 has `Retry-After`.
pub(crate) async fn code(response: Response) -> String {
    if response.status() == StatusCode::OK {
        return "ok".to_owned();
    }
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let wait = response.headers().get(RETRY_AFTER).unwrap().to_str().unwrap();
        assert!(wait.parse::<u64>().unwrap() >= 1);
    }
    let problem: Value = response.json().await.unwrap();
    problem["code"].as_str().unwrap().to_owned()
}
