//! Bundles in `tests/vectors`: copies of some test vectors, and of bundles of the JavaScript
//! reference.

use std::fs;
use std::path::Path;

use kliento::TokenBundle;
use serde_json::Value;

/// A bundle, with the inputs and the result of its verification.
pub(crate) struct Case {
    pub(crate) authorization: String,
    pub(crate) audience: String,
    pub(crate) at: String,
    pub(crate) trust_anchor: String,
    pub(crate) expected: Value,
}

/// Loads a header value of the test vectors.
pub(crate) fn vector(name: &str) -> Case {
    let index = read("index.jsonl");
    let cases = index.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    let mut cases = cases.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    let case = cases.find(|case| case["name"] == name).unwrap();
    let octets = read(&text(&case["file"]));
    let authorization = match text(&case["kind"]).as_str() {
        "authorization" => String::from_utf8(octets).unwrap(),
        "token-bundle" => TokenBundle::from_bytes(octets).unwrap().to_authorization(),
        kind => panic!("unexpected kind {kind}"),
    };
    Case::new(authorization, case)
}

/// Loads a bundle of the reference implementation.
pub(crate) fn reference(name: &str) -> Case {
    let cases: Vec<Value> = serde_json::from_slice(&read("reference/index.json")).unwrap();
    let case = cases.into_iter().find(|case| case["name"] == name).unwrap();
    let octets = read(&format!("reference/{name}.bin"));
    Case::new(TokenBundle::from_bytes(octets).unwrap().to_authorization(), case)
}

impl Case {
    fn new(authorization: String, expected: Value) -> Self {
        Self {
            authorization,
            audience: text(&expected["audience"]),
            at: text(&expected["at"]),
            trust_anchor: text(&expected["trust_anchors"][0]),
            expected,
        }
    }

    /// Returns the header with another last octet, which belongs to the signature.
    pub(crate) fn tampered(&self) -> String {
        let bundle = TokenBundle::from_authorization(&self.authorization).unwrap();
        let mut octets = bundle.as_bytes().to_vec();
        *octets.last_mut().unwrap() ^= 1;
        TokenBundle::from_bytes(octets).unwrap().to_authorization()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn read(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    fs::read(folder.join(file)).unwrap()
}
