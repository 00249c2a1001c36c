//! The valid vectors that mutants are made of, and what each proves.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::RwLock;

use kliento::{Period, Timestamp, TokenBundle, TokenVerification, TrustAnchor};
use serde::Deserialize;
use veraid::{SignatureCheck, SignatureVerifier};

/// A valid vector.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
    pub(crate) proof: Proof,
    pub(crate) setting: Setting,
}

/// What a vector is verified with.
pub(crate) struct Setting {
    audience: String,
    at: Timestamp,
    trust_anchors: Vec<TrustAnchor>,
}

/// All that a verification tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Who says what to whom.
    pub(crate) says: String,
    period: Period,
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
        let octets = file(&format!("reference/{}.bin", case.name));
        let anchor = |text: &String| text.parse().expect("a DS record");
        let setting = Setting {
            audience: case.audience,
            at: case.at.parse().expect("an instant"),
            trust_anchors: case.trust_anchors.iter().map(anchor).collect(),
        };
        let proof = setting.verify(&octets, &KnownSignatures::default());
        let proof = proof.expect("the vector is valid");
        let expected = format!("{} {:?} {}", case.subject, case.claims, case.signer);
        assert!(proof.says.starts_with(&expected), "{}: {proof:?}", case.name);
        Self { name: case.name, octets, proof, setting }
    }
}

impl Setting {
    /// What the octets prove.
    pub(crate) fn verify(
        &self,
        octets: &[u8],
        known: &KnownSignatures,
    ) -> Result<Proof, kliento::Error> {
        let audiences = [self.audience.as_str()];
        let verification =
            TokenVerification::new(&audiences, &self.trust_anchors).with_verifier(known);
        let token = TokenBundle::from_bytes(octets.to_vec())?.verify(&verification, self.at)?;
        let (id, claims, signer) = (token.subject_id(), token.claims(), token.signer());
        let says = format!("{id} {claims:?} {signer} {}", token.audience());
        Ok(Proof { says, period: token.period() })
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
