//! Bundles of the reference implementation, and an instant at which they are valid.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use kliento::{TokenBundle, TrustAnchor};

pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// An instant at which all of them are valid.
pub(crate) const INSTANT: &str = "2026-11-22T18:03:00Z";

/// A bundle's entry of the index.
#[derive(serde::Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    audience: String,
    at: String,
    trust_anchors: Vec<String>,
    pub(crate) subject: String,
    pub(crate) claims: HashMap<String, String>,
    pub(crate) signer: String,
}

/// Loads all entries; their bundles are for one audience and valid at one instant.
pub(crate) fn cases() -> Vec<Case> {
    let index = fs::read(directory().join("index.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&index).unwrap();
    assert!(cases.iter().all(|case| case.audience == AUDIENCE && case.at == INSTANT));
    cases
}

/// Returns the trust anchors of all bundles.
pub(crate) fn trust_anchors() -> Vec<TrustAnchor> {
    let cases = cases();
    let mut texts: Vec<&String> = cases.iter().flat_map(|case| &case.trust_anchors).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn file(name: &str) -> PathBuf {
    directory().join(name).with_extension("bin")
}

pub(crate) fn bundle(name: &str) -> TokenBundle {
    TokenBundle::from_bytes(fs::read(file(name)).unwrap()).unwrap()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/reference")
}
