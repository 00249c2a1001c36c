//! An Envoy proxy.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::free_port;

/// Runs the proxy until its standard input ends.
const SCRIPT: &str = include_str!("envoy.sh");

/// Where `cargo xtask test` puts the program, in the directory of this crate.
const PROGRAM: &str = "../target/envoy/envoy/_bin/envoy";

/// How often the listener is awaited, every 20 ms.
const MAX_WAITS: usize = 3000;

/// An Envoy proxy with a configuration of its own and one worker.
#[derive(Debug)]
pub struct EnvoyServer {
    script: Child,
    port: u16,
    data: TempDir,
}

impl EnvoyServer {
    /// Starts a proxy, and waits until it listens. Returns `None`, and says so, if the program is
    /// not installed.
    ///
    /// `configuration` is YAML. It has `port_value: N }` for the listener, which gets a free port,
    /// and for each pair of `ports`, of which the second replaces the first.
    ///
    /// # Panics
    /// If the program cannot be started, rejects the configuration, or is missing where the variable
    /// `CI` is set.
    #[must_use]
    pub fn start(configuration: &str, listener: u16, ports: &[(u16, u16)]) -> Option<Self> {
        let program = program()?;
        let port = free_port();
        let replace = |text: String, (from, to): &(u16, u16)| {
            let [from, to] = [from, to].map(|port| format!("port_value: {port} }}"));
            assert!(text.contains(&from), "the configuration has no {from}");
            text.replace(&from, &to)
        };
        let ports = [ports, &[(listener, port)]].concat();
        let configuration = ports.iter().fold(configuration.to_owned(), replace);
        let data = TempDir::new().expect("a directory");
        let file = data.path().join("envoy.yaml");
        fs::write(&file, configuration).expect("a directory is writable");
        let script = Command::new("sh")
            .args(["-c", SCRIPT, "envoy.sh"])
            .args([&program, &file, &data.path().join("log")])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let server = Self { script, port, data };
        server.wait_until_listening();
        Some(server)
    }

    /// Returns the URL of the listener.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the port of the listener on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn wait_until_listening(&self) {
        for _ in 0..MAX_WAITS {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
        panic!("Envoy does not listen: {log}");
    }
}

impl Drop for EnvoyServer {
    fn drop(&mut self) {
        // The end of the input ends the script.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
    if program.is_file() {
        return Some(program);
    }
    let reason = "Envoy is not installed; `cargo xtask test` does that";
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
    None
}
