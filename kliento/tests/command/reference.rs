//! The bundles of the JavaScript reference.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) audience: String,
    pub(crate) at: String,
    pub(crate) trust_anchors: Vec<String>,
    pub(crate) subject: String,
    pub(crate) claims: BTreeMap<String, String>,
    pub(crate) signer: String,
}

impl Case {
    pub(crate) fn path(&self) -> String {
        folder().join(format!("{}.bin", self.name)).to_str().unwrap().to_owned()
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// Returns the chain as a file: the field of the bundle under the tag of a SET.
    pub(crate) fn chain(&self) -> Vec<u8> {
        let bundle = self.octets();
        // SEQUENCE and its length of two octets, the version, then `[1]` with the same form of
        // length.
        let field = &bundle[4 + 3..];
        assert_eq!(field[..2], [0xa1, 0x82]);
        let length = usize::from(u16::from_be_bytes([field[2], field[3]]));
        [&[0x31], &field[1..4 + length]].concat()
    }

    /// Returns the arguments with `--trust-anchor` and `--at`.
    pub(crate) fn arguments<'a>(&'a self, command: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
        let trust = ["--trust-anchor", &self.trust_anchors[0]];
        [command, &trust, rest].concat()
    }
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "vectors", "reference"].iter().collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let index = fs::read(folder().join("index.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&index).unwrap();
    assert_eq!(cases.len(), 8);
    cases
}

pub(crate) fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}
