//! Runs the portal on a temporary database, and calls its API.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use test_servers::PostgresServer;

pub(crate) const ADMIN: &str = "root";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A running portal with one account, [`ADMIN`], which is killed when dropped.
pub(crate) struct Portal {
    directory: Arc<tempfile::TempDir>,
    /// With the database.
    settings: Vec<String>,
    /// Such as `127.0.0.1:8080`.
    address: String,
    process: Child,
}

/// A client of the API, without the page.
pub(crate) struct ApiClient {
    client: Client,
    api: String,
    token: String,
}

impl Portal {
    pub(crate) fn start(settings: &[&str]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let database = directory.path().join("portal.db");
        let database = ["--database", database.to_str().unwrap()];
        create_admin(&database);
        Self::start_in(directory, &[&database, settings].concat())
    }

    /// Starts two portals on one database in PostgreSQL.
    pub(crate) fn start_two() -> [Self; 2] {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (keys, audit_key) = (file("portal.keys"), file("portal.audit-key"));
        let url = PostgresServer::shared().create_database();
        let database = ["--database", &url, "--audit-key", &audit_key];
        for command in
            [&["create-keys", &keys][..], &[&database[..], &["audit", "create-key"]].concat()]
        {
            let mut create = Command::new(env!("CARGO_BIN_EXE_portal"));
            assert!(create.args(command).stdout(Stdio::null()).status().unwrap().success());
        }
        create_admin(&database);
        let settings = [&database[..], &["--keys", &keys]].concat();
        [(); 2].map(|()| Self::start_in(Arc::clone(&directory), &settings))
    }

    fn start_in(directory: Arc<tempfile::TempDir>, settings: &[&str]) -> Self {
        let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
        let (process, address) = run(&directory, "127.0.0.1:0", &settings);
        Self { directory, settings, address, process }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the URL with another name of this machine.
    pub(crate) fn url_with_host(&self, name: &str) -> String {
        self.url().replace("127.0.0.1", name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("portal.db")
    }

    /// Unlocks an account on the command line, and returns the device token that it prints.
    pub(crate) fn unlock_with_device(&self, name: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
        command.arg("--database").arg(self.database()).args(["unlock", name, "--device"]);
        let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let token = output.lines().find_map(|line| line.strip_prefix("device token: "));
        token.unwrap_or_else(|| panic!("no device token in {output:?}")).to_owned()
    }

    /// Stops the portal, so that connections fail.
    pub(crate) fn stop(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    /// Starts the portal again at the same address.
    pub(crate) fn restart(&mut self) {
        (self.process, _) = run(&self.directory, &self.address, &self.settings);
    }

    /// Logs in through the API.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> ApiClient {
        let (status, body) = self.try_log_in(name, password).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let token = body["access_token"].as_str().unwrap().to_owned();
        ApiClient { client: client(), api: format!("{}api/", self.url()), token }
    }

    pub(crate) async fn try_log_in(&self, name: &str, password: &str) -> (StatusCode, Value) {
        let request = client().post(format!("{}api/auth/login", self.url()));
        let credentials = json!({"username": name, "password": password});
        let response = request.json(&credentials).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Logs in as the admin through the API.
    pub(crate) async fn log_in_admin(&self) -> ApiClient {
        self.log_in(ADMIN, PASSWORD).await
    }

    pub(crate) async fn create_user(&self, name: &str) -> i64 {
        let user = json!({"username": name, "password": PASSWORD});
        let (status, body) =
            self.log_in_admin().await.call(Method::POST, "admin/users", user).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_i64().unwrap()
    }
}

impl ApiClient {
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.api));
        let response = request.bearer_auth(&self.token).json(&body).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Counts the audit records of this event that concern the user.
    pub(crate) async fn count(&self, event: &str, user: &str) -> usize {
        let path = format!("admin/audit?limit=1000&event={event}&user={user}");
        self.get(&path).await.as_array().unwrap().len()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // It may have been stopped.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn client() -> Client {
    Client::builder().user_agent("Other/1.0").build().unwrap()
}

fn create_admin(database: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
    command.args(database).args(["create-admin", ADMIN, "--password-stdin"]);
    command.env("RUST_LOG", "warn").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = command.spawn().unwrap();
    writeln!(process.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(process.wait().unwrap().success());
}

fn run(directory: &tempfile::TempDir, listen: &str, settings: &[String]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
    command.args(["--listen", listen]).args(settings);
    // Kept in a file for debugging.
    let log = directory.path().join("portal.log");
    let log = File::options().create(true).append(true).open(log);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.unwrap());
    let mut process = command.spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    // The portal would fail to print to a closed pipe.
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    assert!(!address.is_empty(), "the portal did not start");
    (process, address)
}
