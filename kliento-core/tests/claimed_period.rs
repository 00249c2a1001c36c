//! The period that a bundle claims, for valid and invalid bundles.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use kliento_core::{Error, Invalid, Period, TokenBundle};

fn claimed_period(vector: &str) -> Result<Period, Error> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    TokenBundle::from_bytes(std::fs::read(vectors.join(vector)).unwrap())?.claimed_period()
}

#[test]
fn returns_period_of_metadata() {
    let period = claimed_period("reference/member-user.bin").unwrap();
    assert_eq!(period.to_string(), "2026-11-22T17:58:00Z to 2026-11-22T18:58:00Z");
}

#[test]
fn rejects_bundle_without_period() {
    for (vector, code) in [
        ("signature-ends-before-start.bin", "signature-period"),
        ("metadata-no-end.bin", "signature-metadata-malformed"),
        ("cms-metadata-missing.bin", "signature-attribute-missing"),
    ] {
        let error = claimed_period(&format!("token-bundle/{vector}")).unwrap_err();
        assert!(matches!(error, Error::Invalid(Invalid::Signature(_))), "{vector}");
        assert_eq!(error.code(), code, "{vector}");
    }
}
