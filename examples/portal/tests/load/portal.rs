//! The portal as a process, on a database of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// How many passwords are hashed at once, in 64 MiB each.
pub(crate) const PERMITS: u64 = 2;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portal");
/// Nothing takes so long unless it hangs.
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) struct Portal {
    child: Child,
    pub(crate) origin: String,
    pub(crate) client: Client,
    _directory: TempDir,
}

impl Portal {
    /// A portal with an admin, `alice`, whose limits are out of the way.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("portal.db");
        let mut create = Command::new(PROGRAM);
        create.args(["create-admin", "alice", "--password-stdin", "--database"]).arg(&database);
        let mut create = create.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(create.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(create.wait().unwrap().success());

        let mut portal = Command::new(PROGRAM);
        portal.args(["--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1/32"]);
        portal.args(["--login-limit", "100000/1", "--api-limit", "100000/1"]);
        portal.args(["--argon2-permits", &PERMITS.to_string(), "--database"]).arg(&database);
        portal.env("RUST_LOG", "error").stdin(Stdio::null());
        let mut child = portal.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let origin = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let client = Client::builder().timeout(DEADLINE).build().unwrap();
        Self { child, origin, client, _directory: directory }
    }

    /// A login from an address of its own, as a proxy tells it.
    pub(crate) async fn log_in(&self, name: &str, password: &str, from: &str) -> Response {
        let login = self.client.post(format!("{}/api/auth/login", self.origin));
        let login = login.header("x-forwarded-for", from);
        let credentials = json!({"username": name, "password": password});
        login.json(&credentials).send().await.unwrap()
    }

    /// The records of a kind.
    pub(crate) async fn count(&self, event: &str) -> usize {
        let alice: Value =
            self.log_in("alice", PASSWORD, "192.0.2.200").await.json().await.unwrap();
        let records = format!("{}/api/admin/audit?limit=1000&event={event}", self.origin);
        let records = self.client.get(records).bearer_auth(alice["access_token"].as_str().unwrap());
        let records: Vec<Value> = records.send().await.unwrap().json().await.unwrap();
        records.len()
    }

    /// The most memory that it ever had, in KiB; only Linux tells.
    pub(crate) fn peak_memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The code of an answer, or `ok`. Who is sent away is told when to come again.
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
