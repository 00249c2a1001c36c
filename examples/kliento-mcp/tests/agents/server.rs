//! The server as a process, with a file of rules.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::organisations::{NOW, Organisations};
use crate::{AUDIENCE, SERVER};

/// A running server, which is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    _rules: TempDir,
}

impl Server {
    /// Starts a server that admits the agents of `example.com`, with `mallory` denied.
    pub(crate) fn start(organisations: &Organisations) -> Self {
        let rules = "[deny]\nsubjects = ['mallory@example.com']\n\
            [[allow]]\norganisations = ['example.com', '*.partner.example']\n";
        Self::start_with_rules(organisations, rules)
    }

    pub(crate) fn start_with_rules(organisations: &Organisations, rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("admission.toml");
        fs::write(&file, rules).unwrap();
        let mut child = Command::new(SERVER)
            .args(["--listen", "127.0.0.1:0", "--audience", AUDIENCE, "--clock", NOW])
            .args(["--trust-anchor", &organisations.trust_anchor()])
            .arg("--admission")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("an address");
        let url = format!("{address}/mcp");
        Self { child, url, _rules: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
