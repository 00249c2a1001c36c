//! The valid vectors that are mutated, and their proofs.

use std::fs;

use serde_json::{Value, json};

use crate::case::{Case, Verdict};
use crate::{folder, verdict};

/// Vectors with two proofs: a mutant may lose one and keep the other.
const WITH_TWO_PROOFS: [&str; 2] = ["chain-longest-signature", "chain-other-signer-beside"];

/// A valid vector.
pub(crate) struct Subject {
    pub(crate) case: Case,
    pub(crate) octets: Vec<u8>,
    pub(crate) proof: Verdict,
}

impl Subject {
    /// Returns the valid vectors of this repository and of the reference.
    pub(crate) fn all() -> Vec<Self> {
        let own = Case::all().into_iter().filter(|case| case.expect == "valid");
        let own = own.filter(|case| !WITH_TWO_PROOFS.contains(&case.name.as_str()));
        own.chain(reference()).map(Self::from_case).collect()
    }

    fn from_case(case: Case) -> Self {
        let octets = fs::read(folder().join(&case.file)).expect("the vector's file");
        let mut subject = Self { proof: case.verdict(), octets, case };
        let proof = subject.verify(&subject.octets).expect("the vector is valid");
        // The reference's index does not contain the validity of bundles.
        if subject.proof.valid_from.is_none() {
            subject.proof.valid_from.clone_from(&proof.valid_from);
            subject.proof.valid_until.clone_from(&proof.valid_until);
        }
        assert_eq!(proof, subject.proof, "{}", subject.case.name);
        subject
    }

    /// Returns what the octets prove in the vector's context, or `None` if they are rejected.
    pub(crate) fn verify(&self, octets: &[u8]) -> Option<Verdict> {
        let (verdict, _) = verdict::verify(&self.case, octets.to_vec()).expect("circumstances");
        (verdict.expect == "valid").then_some(verdict)
    }
}

/// Returns the bundles of the reference as cases of the index.
fn reference() -> Vec<Case> {
    let index = fs::read(folder().join("reference/index.json")).expect("the reference's index");
    let index: Vec<Value> = serde_json::from_slice(&index).expect("an index in JSON");
    let case = |line: Value| {
        let file = format!("reference/{}.bin", line["name"].as_str().expect("a name"));
        serde_json::from_value(json!({
            "name": format!("reference {}", line["name"]), "kind": "token-bundle", "file": file,
            "shows": line["reason"], "rule": "", "expect": "valid", "at": line["at"],
            "audience": line["audience"], "trust_anchors": line["trust_anchors"],
            "subject": line["subject"], "signer": line["signer"], "claims": line["claims"],
        }))
    };
    index.into_iter().map(|line| case(line).expect("a case")).collect()
}
