//! Redis servers on free ports of 127.0.0.1, which end with their test.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, Connection, FromRedisValue};
use tempfile::TempDir;

/// A Redis server. It is killed when this is dropped, also if the test panics.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments, in which `{port}` stands for the port.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        // Another process may take the port before the server does.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // Clusters have another port.
            if port > 50_000 {
                continue;
            }
            if let Some(process) = spawn(port, &arguments, directory.path()) {
                return Self { process, port, arguments, directory };
            }
        }
        panic!("no Redis server starts; is `redis-server` installed?")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connect(&self) -> Connection {
        Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Sends a command, whose words are separated by spaces.
    pub(crate) fn command<T: FromRedisValue>(&self, command: &str) -> T {
        parse(command).query(&mut self.connect()).unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the server again on the same port, without its former state.
    pub(crate) fn restart(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(process) = spawn(self.port, &self.arguments, self.directory.path()) {
                self.process = process;
                return;
            }
            assert!(Instant::now() < deadline, "the server does not start again");
        }
    }

    /// Sends a signal to the server, such as `STOP` and `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        assert!(status.unwrap().success());
    }
}

/// Starts a server, and waits until it accepts connections. Returns `None` if it ends before.
fn spawn(port: u16, arguments: &[String], directory: &Path) -> Option<Child> {
    let log: PathBuf = directory.join("log");
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
    command.arg(port.to_string()).arg("--dir").arg(directory);
    command.args(arguments.iter().map(|argument| argument.replace("{port}", &port.to_string())));
    command.stdin(Stdio::null()).stdout(File::create(log).unwrap()).stderr(Stdio::null());
    let mut process = command.spawn().expect("Debian's package redis-server is installed");
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.try_wait().unwrap().is_none() {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        assert!(Instant::now() < deadline, "the server does not accept connections");
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

pub(crate) fn parse(command: &str) -> Cmd {
    let mut words = command.split(' ');
    let mut parsed = redis::cmd(words.next().unwrap());
    parsed.arg(words.collect::<Vec<_>>());
    parsed
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
