//! Runs the portal as a process, on a temporary database.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::json;
use tempfile::TempDir;

use super::request::ApiRequest;
use super::response::ApiResponse;
use super::tokens::Tokens;

/// The admin's name, and the password of all users.
pub(crate) const ADMIN: &str = "root";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A temporary directory with a database and the files next to it, or of a node whose database is
/// on PostgreSQL.
pub(crate) struct TempDatabase {
    directory: TempDir,
    url: Option<String>,
}

/// A running portal, which is killed when dropped.
pub(crate) struct Portal {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The lines on standard output before it listened.
    pub(crate) startup_output: String,
    address: String,
    client: Client,
    pub(crate) database: TempDatabase,
}

impl TempDatabase {
    /// Creates an empty directory.
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), url: None }
    }

    /// Uses the database at this URL.
    pub(crate) fn on_postgres(url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::new() }
    }

    /// Creates a database with the admin.
    pub(crate) fn with_admin() -> Self {
        let database = Self::new();
        let created = database.create_admin(ADMIN, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        database
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.file("portal.db")
    }

    /// Returns the value of `--database`.
    fn location(&self) -> PathBuf {
        self.url.as_ref().map_or_else(|| self.path(), PathBuf::from)
    }

    /// Runs `portal create-admin`.
    pub(crate) fn create_admin(&self, name: &str, password: &str) -> Output {
        let create = command(&self.location(), &["create-admin", name, "--password-stdin"]);
        output_with_input(create, password)
    }

    /// Starts a portal on this database.
    pub(crate) fn start(self, arguments: &[&str]) -> Portal {
        let command = command(&self.location(), arguments);
        self.start_with(command)
    }

    /// Starts a portal on this database by a command, which is one of [`command`].
    pub(crate) fn start_with(self, mut command: Command) -> Portal {
        // A file: the portal would block on a pipe that is not read.
        let log = File::create(self.file("log")).unwrap();
        let mut child = command.args(["--listen", "127.0.0.1:0"]).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut startup_output, mut line) = (String::new(), String::new());
        let address = loop {
            line.clear();
            let octets = stdout.read_line(&mut line).unwrap();
            assert_ne!(octets, 0, "{}", fs::read_to_string(self.file("log")).unwrap());
            if let Some(address) = line.trim().strip_prefix("listening on ") {
                break address.to_owned();
            }
            startup_output.push_str(&line);
        };
        let client = Client::builder().no_proxy().user_agent("api-test/1").build().unwrap();
        Portal { child, stdout, startup_output, address, client, database: self }
    }
}

impl Portal {
    /// Starts a portal with an admin.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        TempDatabase::with_admin().start(arguments)
    }

    pub(crate) fn get(&self, path: &str) -> ApiRequest {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> ApiRequest {
        self.request(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> ApiRequest {
        self.request(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> ApiRequest {
        self.request(Method::DELETE, path)
    }

    fn request(&self, method: Method, path: &str) -> ApiRequest {
        ApiRequest(self.client.request(method, format!("{}{path}", self.address)))
    }

    /// Returns a login request.
    pub(crate) fn login_request(&self, name: &str, password: &str) -> ApiRequest {
        self.post("/api/auth/login").json(&json!({"username": name, "password": password}))
    }

    /// Logs in with [`PASSWORD`].
    pub(crate) async fn log_in(&self, name: &str) -> Tokens {
        Tokens::from_response(&self.login_request(name, PASSWORD).send().await)
    }

    /// Logs in as the admin.
    pub(crate) async fn log_in_admin(&self) -> Tokens {
        self.log_in(ADMIN).await
    }

    /// Sends a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> ApiResponse {
        self.post("/api/auth/refresh").json(&json!({"refresh_token": token})).send().await
    }

    /// Creates a user, and logs in as that user.
    pub(crate) async fn create_user(&self, admin: &Tokens, name: &str) -> Tokens {
        let new = json!({"username": name, "password": PASSWORD});
        let created = self.post("/api/admin/users").auth(admin).json(&new).send().await;
        assert_eq!(created.status, 201, "{created:?}");
        self.log_in(name).await
    }

    /// Returns the records of the audit log for a query such as `event=logout&limit=1`.
    pub(crate) async fn audit(&self, admin: &Tokens, query: &str) -> Vec<serde_json::Value> {
        let response = self.get(&format!("/api/admin/audit?{query}")).auth(admin).send().await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json().as_array().unwrap().clone()
    }

    /// As [`Self::audit`], but waits for this many records: denials are recorded in the background.
    pub(crate) async fn audit_with(
        &self,
        admin: &Tokens,
        query: &str,
        count: usize,
    ) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let records = self.audit(admin, query).await;
            if records.len() >= count {
                return records;
            }
            assert!(Instant::now() < deadline, "{count} records of {query}: {records:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn assert_may_not_list_users(&self, user: &Tokens) {
        let response = self.get("/api/admin/users").auth(user).send().await;
        response.expect_problem(403, "permission_denied");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn address(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// Waits for the exit; returns the status, further output and the database.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, TempDatabase) {
        let status = self.child.wait().unwrap();
        let mut output = String::new();
        self.stdout.read_to_string(&mut output).unwrap();
        let database = std::mem::replace(&mut self.database, TempDatabase::new());
        (status, output, database)
    }

    /// Sends the signal, and waits for the exit.
    pub(crate) fn stop_with(self, signal: &str) -> (ExitStatus, String, TempDatabase) {
        self.signal(signal);
        self.wait()
    }

    /// Stops the portal, and starts it again on the same database.
    pub(crate) fn restart(self, arguments: &[&str]) -> Self {
        let (status, _, database) = self.stop_with("-TERM");
        assert!(status.success(), "{status}");
        database.start(arguments)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.database.file("log")).unwrap()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // It may have exited already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the command without the environment variables that it reads.
pub(crate) fn command(database: &Path, arguments: &[&str]) -> Command {
    let mut command = command_without_database(arguments);
    command.arg("--database").arg(database);
    command
}

pub(crate) fn command_without_database(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
    command.args(arguments);
    for variable in ["RUST_LOG", "REDIS_URL", "DATABASE_URL", "KEYS_FILE", "AUDIT_KEY_FILE"] {
        command.env_remove(variable);
    }
    command.env_remove("AUDIT_CHECKPOINT_FILE");
    for variable in ["URL", "FROM", "USER", "PASSWORD", "PASSWORD_FILE", "CA_FILE"] {
        command.env_remove(format!("SMTP_{variable}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command with a line on its standard input.
pub(crate) fn output_with_input(mut command: Command, line: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A command that fails before it reads may be gone.
    drop(writeln!(child.stdin.take().unwrap(), "{line}"));
    child.wait_with_output().unwrap()
}
