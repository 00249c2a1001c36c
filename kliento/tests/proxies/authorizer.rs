//! `kliento serve` as a process.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::bundles::{AUDIENCE, Bundles, INSTANT};

/// A running authorizer, which is killed when it is dropped.
pub(crate) struct Authorizer {
    child: Child,
    pub(crate) address: String,
}

impl Authorizer {
    /// Starts the authorizer with further options.
    pub(crate) fn start(bundles: &Bundles, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kliento"))
            .args(["serve", "--listen", "127.0.0.1:0", "--at", INSTANT, "--audience", AUDIENCE])
            .args(["--claim-header", "role", "--trust-anchor", &bundles.trust_anchor])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        Self { address: address.to_owned(), child }
    }

    /// Stops the process, which keeps its sockets: connections are accepted, and get no response.
    pub(crate) fn suspend(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Authorizer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
