//! The bundles that are measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kliento::{
    Period, SERVICE, Timestamp, TokenBundle, TokenVerification, TrustAnchor, VerifiedToken,
};
use serde_json::Value;
use veraid::testing::{MockKey, ZoneAlgorithm};
use veraid::{
    KeyAlgorithm, ObjectIdentifier, SignatureBundle, SignatureVerifier, Verification,
    VerificationError,
};

use crate::mock::Mock;

/// A bundle with the parameters of its verification.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The bundle in DER.
    pub octets: Vec<u8>,
    /// The value of an `Authorization` header.
    pub header: String,
    /// The audience of its token.
    pub audience: String,
    /// The time of its verification.
    pub at: Timestamp,
    /// The trust anchors of its verification.
    pub trust_anchors: Vec<TrustAnchor>,
    service: ObjectIdentifier,
}

impl Bundle {
    /// Reads a bundle of the JavaScript reference implementation, by its name in the index.
    #[must_use]
    pub fn reference(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/reference");
        let index = read(&directory.join("index.json"));
        let index: Value = serde_json::from_slice(&index).expect("an index in JSON");
        let cases = index.as_array().expect("an index is a list");
        let case = cases.iter().find(|case| case["name"] == name).expect("a case of that name");
        let text = |member: &str| case[member].as_str().expect("a text member");
        let trust_anchors = case["trust_anchors"].as_array().expect("a list of anchors");
        let anchor = |anchor: &Value| anchor.as_str().and_then(|text| text.parse().ok());
        Self::new(
            read(&directory.join(format!("{name}.bin"))),
            text("audience"),
            text("at").parse().expect("an instant"),
            trust_anchors.iter().map(|text| anchor(text).expect("a DS record")).collect(),
        )
    }

    /// Returns the bundles whose verification is measured, with their labels.
    #[must_use]
    pub fn measured() -> Vec<(&'static str, Self)> {
        let zones = |algorithm, bits, size| {
            let key = || MockKey::generate_rsa(algorithm, bits).expect("a key");
            Mock::new(key(), key(), key(), size).bundle()
        };
        let rsa = ZoneAlgorithm::RsaSha256;
        vec![
            ("member, typical", Self::reference("member-user")),
            ("organisation", Self::reference("org-user")),
            ("organisation with RSA-4096", Self::reference("rsa4096-org-sha512")),
            ("zones with RSA-2048 alone", Self::reference("mock-chain-member-user")),
            ("zones with Ed25519", zones(ZoneAlgorithm::Ed25519, 0, KeyAlgorithm::Rsa2048)),
            ("RSA-4096 everywhere", zones(rsa, 4096, KeyAlgorithm::Rsa4096)),
        ]
    }

    pub(crate) fn new(
        octets: Vec<u8>,
        audience: &str,
        at: Timestamp,
        trust_anchors: Vec<TrustAnchor>,
    ) -> Self {
        let bundle = TokenBundle::from_bytes(octets.clone()).expect("a bundle");
        Self {
            octets,
            header: bundle.to_authorization(),
            audience: audience.to_owned(),
            at,
            trust_anchors,
            service: SERVICE.parse().expect("a constant"),
        }
    }

    /// Returns the bundle with an altered bit in the last octet, which is part of the signature.
    #[must_use]
    pub fn tampered(&self) -> Self {
        let mut octets = self.octets.clone();
        *octets.last_mut().expect("a bundle is not empty") ^= 1;
        Self::new(octets, &self.audience, self.at, self.trust_anchors.clone())
    }

    /// Reads and verifies the bundle as a VeraId signature.
    ///
    /// # Errors
    /// The reason if the bundle is invalid.
    pub fn verify(&self, verifier: &mut dyn SignatureVerifier) -> Result<(), VerificationError> {
        let bundle = SignatureBundle::from_der(&self.octets).expect("a bundle");
        let verification = Verification::new(&self.service, &self.trust_anchors);
        verification.verify_signature_with(&bundle, self.at, verifier).map(drop)
    }

    /// Reads and verifies the bundle as a VeraId signature over the hour before its instant.
    ///
    /// # Errors
    /// The reason if the bundle is invalid.
    pub fn verify_during(
        &self,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<(), VerificationError> {
        let bundle = SignatureBundle::from_der(&self.octets).expect("a bundle");
        let verification = Verification::new(&self.service, &self.trust_anchors);
        let start = self.at - Duration::from_secs(3600);
        let period = Period::new(start, self.at).expect("an hour");
        verification.verify_signature_with(&bundle, period, verifier).map(drop)
    }

    /// Reads and verifies the header's value as a Kliento token.
    ///
    /// # Errors
    /// The reason if the bundle is invalid.
    pub fn verify_header(&self) -> Result<VerifiedToken, kliento::Error> {
        let audiences = [self.audience.as_str()];
        let verification = TokenVerification::new(&audiences, &self.trust_anchors);
        TokenBundle::from_authorization(&self.header)?.verify(&verification, self.at)
    }
}

fn read(path: &PathBuf) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
