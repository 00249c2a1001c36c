//! The valid vectors that mutants are made of, and what each proves.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::RwLock;

use kliento::{Timestamp, TokenBundle, TokenVerification, TrustAnchor};
use serde::Deserialize;
use veraid::{SignatureCheck, SignatureVerifier};

/// A valid vector.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
    /// All that its verification tells.
    pub(crate) proves: String,
    audience: String,
    at: Timestamp,
    trust_anchors: Vec<TrustAnchor>,
}

/// A line of the index of the reference's bundles.
#[derive(Deserialize)]
struct Case {
    name: String,
    audience: String,
    at: String,
    trust_anchors: Vec<String>,
    subject: String,
    claims: BTreeMap<String, String>,
    signer: String,
}

impl Subject {
    pub(crate) fn all() -> Vec<Self> {
        let cases: Vec<Case> =
            serde_json::from_slice(&file("reference/index.json")).expect("an index in JSON");
        cases.into_iter().map(Self::of).collect()
    }

    fn of(case: Case) -> Self {
        let anchor = |text: &String| text.parse().expect("a DS record");
        let mut subject = Self {
            octets: file(&format!("reference/{}.bin", case.name)),
            name: case.name,
            proves: String::new(),
            audience: case.audience,
            at: case.at.parse().expect("an instant"),
            trust_anchors: case.trust_anchors.iter().map(anchor).collect(),
        };
        let outcome = subject.outcome(&subject.octets, &KnownSignatures::default());
        subject.proves = outcome.expect("the vector is valid");
        let expected = format!("{} {:?} {}", case.subject, case.claims, case.signer);
        assert!(subject.proves.starts_with(&expected), "{}: {}", subject.name, subject.proves);
        subject
    }

    /// What the octets prove under the vector's circumstances.
    pub(crate) fn outcome(
        &self,
        octets: &[u8],
        known: &KnownSignatures,
    ) -> Result<String, kliento::Error> {
        let audiences = [self.audience.as_str()];
        let verification =
            TokenVerification::new(&audiences, &self.trust_anchors).with_verifier(known);
        let token = TokenBundle::from_bytes(octets.to_vec())?.verify(&verification, self.at)?;
        Ok(format!(
            "{} {:?} {} {} {}",
            token.subject_id(),
            token.claims(),
            token.signer(),
            token.audience(),
            token.period()
        ))
    }
}

/// Remembers the signatures that verified: most of a mutant's are its original's.
#[derive(Default)]
pub(crate) struct KnownSignatures(RwLock<HashSet<[u8; 32]>>);

impl SignatureVerifier for KnownSignatures {
    fn is_valid(&self, check: &SignatureCheck<'_>) -> bool {
        let fingerprint = check.fingerprint();
        if self.0.read().expect("nobody panicked").contains(&fingerprint) {
            return true;
        }
        let is_valid = check.verify();
        if is_valid {
            self.0.write().expect("nobody panicked").insert(fingerprint);
        }
        is_valid
    }
}

/// A file of `vectors/`.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
