//! A PostgreSQL server.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::free_port;

/// Runs the server until its standard input ends, then removes the data. PostgreSQL does not run as
/// root, so root becomes `postgres`.
const SCRIPT: &str = include_str!("postgres.sh");

/// A PostgreSQL server with a cluster of its own.
#[derive(Debug)]
pub struct PostgresServer {
    script: Child,
    data: PathBuf,
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Starts a server with settings besides the defaults, such as `fsync=off`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or cannot be started.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::start_with("plain", settings)
    }

    /// Starts a server with TLS, whose certificate for `localhost` and 127.0.0.1 is
    /// [`Self::root_certificate`].
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with_tls(settings: &[&str]) -> Self {
        Self::start_with("tls", settings)
    }

    fn start_with(mode: &str, settings: &[&str]) -> Self {
        let bin = bin();
        let port = free_port();
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT, "postgres.sh"])
            .arg(&bin)
            .arg(port.to_string())
            .arg(mode)
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let output = script.stdout.take().expect("the output is piped");
        let mut data = String::new();
        BufReader::new(output).read_line(&mut data).expect("the script writes the directory");
        let data = PathBuf::from(data.trim_end());
        assert!(data.is_dir(), "PostgreSQL did not start; its log is above");
        Self { script, data, bin, port, databases: AtomicU32::new(0) }
    }

    /// Returns the server that the tests of this process share. It does not wait for the disk.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["fsync=off", "synchronous_commit=off"]))
    }

    /// Creates an empty database, and returns its URL.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Returns the URL of a database, for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the server's certificate in PEM.
    ///
    /// # Panics
    /// If the server has no TLS.
    #[must_use]
    pub fn root_certificate(&self) -> String {
        std::fs::read_to_string(self.data.join("certificate.pem")).expect("the server has TLS")
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the directory of the programs, such as `pgbench`.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// Executes statements as the superuser, and returns what psql prints.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--dbname", &self.url(database)])
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let mut input = psql.stdin.take().expect("the input is piped");
        input.write_all(sql.as_bytes()).expect("psql reads");
        drop(input);
        let output = psql.wait_with_output().expect("psql ends");
        assert!(output.status.success(), "psql failed: {sql}");
        String::from_utf8(output.stdout).expect("psql prints UTF-8").trim_end().to_owned()
    }

    /// Kills the server without a shutdown, as a power failure does. [`Self::restart`] starts it
    /// again.
    ///
    /// # Panics
    /// If the script has ended.
    pub fn kill(&self) {
        self.command("kill");
    }

    /// Shuts down the server if it runs, and starts it with the same data and port.
    ///
    /// # Panics
    /// If the script has ended.
    pub fn restart(&self) {
        self.command("restart");
    }

    /// Runs a command of the script, and waits until it is done.
    fn command(&self, command: &str) {
        let done = self.data.join("done");
        let _ = std::fs::remove_file(&done);
        let mut input = self.script.stdin.as_ref().expect("the input is piped");
        writeln!(input, "{command}").expect("the script reads");
        let mut waited = String::new();
        while !done.exists() {
            let _ = write!(waited, ".");
            assert!(waited.len() < 600, "the script does not answer");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The end of the input ends the script.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// Returns the directory of the newest installed version.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bins = versions.map(|version| version.path().join("bin"));
    let newest = bins.filter(|bin| bin.join("initdb").exists()).max();
    newest.expect("PostgreSQL is not installed (Debian's package postgresql)")
}
