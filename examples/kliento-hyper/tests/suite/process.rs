//! Runs the server as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::case::Case;

/// A running server, which is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// Collects standard error until the server exits.
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a server that accepts the bundle of this case.
    pub(crate) fn start(case: &Case) -> Self {
        Self::start_with(case, &["--audience", &case.audience, "--clock", &case.at])
    }

    /// Starts a server that trusts the anchor of this case.
    pub(crate) fn start_with(case: &Case, arguments: &[&str]) -> Self {
        Self::start_logging(case, arguments, "info")
    }

    /// Starts the server with a level for `RUST_LOG`.
    pub(crate) fn start_logging(case: &Case, arguments: &[&str], level: &str) -> Self {
        let mut child = Command::new(crate::SERVER)
            .args(["--listen", "127.0.0.1:0", "--trust-anchor", &case.trust_anchor])
            .args(arguments)
            .env("RUST_LOG", level)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        let mut stderr = child.stderr.take().unwrap();
        // Read while it runs: the server would block on a full pipe.
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        Self { address: address.to_owned(), child, log: Some(log) }
    }

    /// Sends a signal, as service managers do to stop a server.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits for the exit, and returns the status and the log.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap();
        (status, log.join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
