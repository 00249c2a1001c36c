//! The program, as a process of its own, on a database that ends with the test.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use reqwest::{Client, Method};
use serde_json::json;
use tempfile::TempDir;

use crate::answer::Answer;
use crate::call::Call;
use crate::tokens::Tokens;

/// The admin whom tests begin with, and the password of everybody in them.
pub(crate) const ADMIN: &str = "root";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A directory with a database in it, and what is beside that.
pub(crate) struct Place(TempDir);

/// A running portal, which ends with its test.
pub(crate) struct Portal {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed before it listened.
    pub(crate) printed: String,
    address: String,
    client: Client,
    pub(crate) place: Place,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One whose database has the admin.
    pub(crate) fn with_admin() -> Self {
        let place = Self::new();
        let created = place.create_admin(ADMIN, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.file("portal.db")
    }

    /// Runs `portal create-admin` to its end.
    pub(crate) fn create_admin(&self, name: &str, password: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
        command.args(["create-admin", name, "--password-stdin", "--database"]);
        let mut child = command
            .arg(self.database())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        child.wait_with_output().unwrap()
    }

    /// Starts a portal here.
    pub(crate) fn start(self, arguments: &[&str]) -> Portal {
        // A file, which nobody has to read while the portal writes.
        let log = File::create(self.file("log")).unwrap();
        let mut child = command(&self.database(), arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut printed, mut line) = (String::new(), String::new());
        let address = loop {
            line.clear();
            let octets = stdout.read_line(&mut line).unwrap();
            assert_ne!(octets, 0, "{}", fs::read_to_string(self.file("log")).unwrap());
            if let Some(address) = line.trim().strip_prefix("listening on ") {
                break address.to_owned();
            }
            printed.push_str(&line);
        };
        let client = Client::builder().no_proxy().user_agent("api-test/1").build().unwrap();
        Portal { child, stdout, printed, address, client, place: self }
    }
}

impl Portal {
    /// A portal with an admin.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Place::with_admin().start(arguments)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call(self.client.request(method, format!("{}{path}", self.address)))
    }

    /// An attempt to log in, to be sent.
    pub(crate) fn log_in(&self, name: &str, password: &str) -> Call {
        self.post("/api/auth/login").json(&json!({"username": name, "password": password}))
    }

    /// Logs in.
    pub(crate) async fn enter(&self, name: &str) -> Tokens {
        Tokens::of(&self.log_in(name, PASSWORD).send().await)
    }

    /// Logs in as the admin.
    pub(crate) async fn admin(&self) -> Tokens {
        self.enter(ADMIN).await
    }

    /// Sends a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/auth/refresh").json(&json!({"refresh_token": token})).send().await
    }

    /// Creates a user, and logs in as that one.
    pub(crate) async fn user(&self, admin: &Tokens, name: &str) -> Tokens {
        let new = json!({"username": name, "password": PASSWORD});
        let created = self.post("/api/admin/users").by(admin).json(&new).send().await;
        assert_eq!(created.status, 201, "{created:?}");
        self.enter(name).await
    }

    /// The records of the audit log, for a query such as `event=logout&limit=1`.
    pub(crate) async fn audit(&self, admin: &Tokens, query: &str) -> Vec<serde_json::Value> {
        let answer = self.get(&format!("/api/admin/audit?{query}")).by(admin).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().as_array().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// How it ended, what else it printed, and the place.
    pub(crate) fn end(mut self) -> (ExitStatus, String, Place) {
        let status = self.child.wait().unwrap();
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let place = std::mem::replace(&mut self.place, Place::new());
        (status, printed, place)
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop_by(self, signal: &str) -> (ExitStatus, String, Place) {
        self.signal(signal);
        self.end()
    }

    /// Stops it, and starts it again on the same database.
    pub(crate) fn restart(self, arguments: &[&str]) -> Self {
        let (status, _, place) = self.stop_by("-TERM");
        assert!(status.success(), "{status}");
        place.start(arguments)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.file("log")).unwrap()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, with nothing of the test's own environment that it would heed.
pub(crate) fn command(database: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
    command.arg("--database").arg(database).args(arguments).env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
