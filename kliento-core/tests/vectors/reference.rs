//! The bundles of the JavaScript reference, each as a test.

use std::collections::BTreeMap;

use kliento_core::{TokenBundle, TokenVerification, TrustAnchor};
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

use crate::folder;

/// An element of `vectors/reference/index.json`.
#[derive(Deserialize)]
struct Produced {
    name: String,
    audience: String,
    at: String,
    trust_anchors: Vec<String>,
    subject: String,
    claims: BTreeMap<String, String>,
    signer: String,
}

pub(crate) fn trials() -> Vec<Trial> {
    let index = std::fs::read(folder().join("reference/index.json")).expect("an index");
    let index: Vec<Produced> = serde_json::from_slice(&index).expect("an index in JSON");
    assert_eq!(index.len(), 8, "eight bundles of the reference");
    let trial = |bundle: Produced| {
        Trial::test(format!("reference-{}", bundle.name), move || check(&bundle))
    };
    index.into_iter().map(trial).collect()
}

fn check(bundle: &Produced) -> Result<(), Failed> {
    let octets = std::fs::read(folder().join(format!("reference/{}.bin", bundle.name)))?;
    let anchors = bundle.trust_anchors.iter().map(|anchor| anchor.parse());
    let anchors: Vec<TrustAnchor> = anchors.collect::<Result<_, _>>()?;
    let audiences = [bundle.audience.as_str()];
    let verification = TokenVerification::new(&audiences, &anchors);
    let token = TokenBundle::from_bytes(octets)?.verify(&verification, bundle.at.parse()?)?;
    let found = (token.subject_id(), token.claims(), token.signer().to_string());
    if found == (bundle.subject.clone(), &bundle.claims, bundle.signer.clone()) {
        return Ok(());
    }
    Err(format!("found {found:?}").into())
}
