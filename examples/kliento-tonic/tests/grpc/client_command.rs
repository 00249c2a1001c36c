//! The client command against the server command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::reference::{self, INSTANT};
use crate::server::ServerCommand;

fn run_client(server: &ServerCommand, bundle: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["--server", &server.url, "--clock", INSTANT]).args(more);
    command.arg("--bundle").arg(bundle).output().unwrap()
}

#[test]
fn prints_the_caller() {
    let server = ServerCommand::start();
    let directory = tempfile::tempdir().unwrap();
    let header = directory.path().join("header");
    let value = reference::bundle("member-user").to_authorization();
    fs::write(&header, format!("{value}\n")).unwrap();
    for file in [reference::file("member-user"), header] {
        let output = run_client(&server, &file, &[]);
        let printed = "alice@example.com, signed by the member, until 2026-11-22T18:58:00Z\n  \
                       permission: read-only\n";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
        assert!(output.status.success());
    }
}

#[test]
fn prints_the_rejection() {
    let server = ServerCommand::with("https://api.example.net", &reference::trust_anchors());
    let output = run_client(&server, &reference::file("member-user"), &["--watch"]);
    let printed = "error: Unauthenticated: The token bundle is not valid for this service at \
                   this time (credentials_invalid)\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), printed);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}
