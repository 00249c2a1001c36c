//! The peer's server, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use benches::is_measured;

/// The server, which ends when dropped.
pub(crate) struct Peer {
    process: Child,
    pub(crate) address: SocketAddr,
    /// The cookie of a user who is logged in.
    pub(crate) cookie: String,
}

impl Peer {
    pub(crate) fn start(database: &str) -> Self {
        let mut process = Command::new(build())
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let output = process.stdout.take().expect("the output is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("the peer writes");
        let (address, cookie) = line.trim_end().split_once(' ').expect("an address and a cookie");
        let address = address.parse().expect("an address");
        Self { process, address, cookie: cookie.to_owned() }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// Builds the program, and returns its path.
fn build() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/Cargo.toml");
    // The bench is `TARGET/PROFILE/deps/NAME`.
    let bench = std::env::current_exe().expect("a program");
    let target = bench.ancestors().nth(3).expect("a target directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--manifest-path", manifest]);
    let profile = if is_measured() {
        cargo.arg("--release");
        "release"
    } else {
        "debug"
    };
    let built = cargo.arg("--target-dir").arg(target).status().expect("cargo starts");
    assert!(built.success(), "the peer is not built");
    target.join(profile).join("peer")
}
