//! A process of `kliento serve` that answers Envoy.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::issuer::{AUDIENCES, Issuer, NOW};

/// A running service, which ends when it is dropped.
pub(crate) struct Authorizer {
    child: Child,
    /// The address for Envoy.
    pub(crate) address: String,
}

impl Authorizer {
    pub(crate) fn start(issuer: &Issuer, rest: &[&str]) -> Self {
        let audiences = AUDIENCES.iter().flat_map(|audience| ["--audience", audience]);
        let options = ["--at", NOW, "--trust-anchor", &issuer.trust_anchor];
        let options: Vec<_> = options.into_iter().chain(audiences).collect();
        Self::with_options(&[&options, rest].concat())
    }

    pub(crate) fn with_options(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kliento"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ext-authz", "127.0.0.1:0"])
            .args(options)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let address =
            lines.find_map(|line| Some(line.strip_prefix("listening for Envoy on ")?.to_owned()));
        let address = address.expect("an address");
        Self { child, address }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Sends a signal, such as TERM or STOP.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let signal = format!("-{signal}");
        assert!(Command::new("kill").args([&signal, &id]).status().unwrap().success());
    }

    /// Kills the service, and waits until it has ended.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Returns the exit status and the log, after the service has ended.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, log)
    }
}

impl Drop for Authorizer {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
