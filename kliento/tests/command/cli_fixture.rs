//! An organisation and a member for tests of the command.

use std::fs;

use tempfile::TempDir;

use crate::run::{Run, command, feed};

/// A folder, usually with the keys of an organisation and a member, and a mock chain.
pub(crate) struct CliFixture {
    pub(crate) folder: TempDir,
}

impl CliFixture {
    /// Returns a folder without files.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn new() -> Self {
        let fixture = Self::empty();
        fixture.succeed(&["key", "generate", "-o", "organisation.pem"]);
        fixture.succeed(&["key", "generate", "--bits", "3072", "-o", "alice.pem"]);
        let mock = ["mock", "--org", "example.com", "--key", "organisation.pem"];
        fixture.succeed(&[&mock[..], &["--ttl", "3600", "--out-dir", "."]].concat());
        fixture
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command(arguments);
        command.current_dir(&self.folder);
        feed(command, b"")
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{arguments:?}");
        run.output
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    pub(crate) fn anchor(&self) -> String {
        String::from_utf8(self.read("trust-anchor.txt")).unwrap().trim_end().to_owned()
    }

    pub(crate) fn issue(&self, rest: &[&str]) -> Run {
        let fixed = ["issue", "--org", "example.com", "--key", "organisation.pem"];
        self.run(
            &[&fixed[..], &["--chain", "chain.der", "--audience", "https://a.example"], rest]
                .concat(),
        )
    }

    pub(crate) fn verify(&self, rest: &[&str]) -> Run {
        let anchor = self.anchor();
        let fixed = ["verify", "--audience", "https://a.example", "--trust-anchor", &anchor];
        self.run(&[&fixed[..], rest].concat())
    }

    /// Returns when the chain starts to be valid, and until when it is.
    pub(crate) fn chain_validity(&self) -> (String, String) {
        let anchor = self.anchor();
        let chain = ["chain", "verify", "--json", "--trust-anchor", &anchor, "chain.der"];
        let chain = self.run(&chain).json();
        let time = |name: &str| chain[name].as_str().unwrap().to_owned();
        (time("validFrom"), time("validUntil"))
    }
}
