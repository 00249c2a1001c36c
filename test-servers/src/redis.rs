//! A Redis server.

use std::fs::File;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::free_port;

/// The highest port: nodes of a cluster also listen on a port that is higher by 10,000.
const MAX_PORT: u16 = 50_000;
/// How long a server may take until it accepts connections.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A Redis server that saves nothing. It is killed when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Panics
    /// If Redis is not installed or cannot be started.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments, in which `{port}` stands for the port.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        // Another process may take the port before the server does.
        for _ in 0..20 {
            let port = free_port();
            if port <= MAX_PORT
                && let Some(process) = spawn(port, &arguments, directory.path())
            {
                return Self { process, port, arguments, directory };
            }
        }
        panic!("no Redis server starts")
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server, which loses its state. [`Self::restart`] starts it again.
    ///
    /// # Panics
    /// If the server cannot be killed.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server is killed");
        self.process.wait().expect("the server ends");
    }

    /// Starts the server again on the same port, without its former state.
    ///
    /// # Panics
    /// If the server does not start within 30 seconds.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(process) = spawn(self.port, &self.arguments, self.directory.path()) {
                self.process = process;
                return;
            }
            assert!(Instant::now() < deadline, "the server does not start again");
        }
    }

    /// Sends a signal to the server, such as `STOP` and `CONT`.
    ///
    /// # Panics
    /// If the server has ended.
    pub fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        assert!(status.expect("kill starts").success(), "the server has ended");
    }
}

/// Starts a server, and waits until it accepts connections. Returns `None` if it ends before.
fn spawn(port: u16, arguments: &[String], directory: &Path) -> Option<Child> {
    let log = File::create(directory.join("log")).expect("a log");
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
    command.arg(port.to_string()).arg("--dir").arg(directory);
    command.args(arguments.iter().map(|argument| argument.replace("{port}", &port.to_string())));
    command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
    let mut process = command.spawn().expect("Debian's package redis-server is installed");
    let deadline = Instant::now() + TIMEOUT;
    while process.try_wait().expect("a status").is_none() {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        assert!(Instant::now() < deadline, "the server does not accept connections");
        thread::sleep(Duration::from_millis(5));
    }
    None
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
