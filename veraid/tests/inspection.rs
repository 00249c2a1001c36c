//! An inspection and a verification of the same bundle agree.
#![cfg(feature = "inspect")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

use std::path::PathBuf;

use veraid::{
    CheckResult, InspectedZone, Inspection, ObjectIdentifier, Outcome, SignatureBundle, Timestamp,
    TrustAnchor, Verification,
};

const ANCHOR: &str = "19522 8 2 81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499";

struct Fixture {
    service: ObjectIdentifier,
    anchors: [TrustAnchor; 1],
}

impl Fixture {
    fn new() -> Self {
        Self {
            service: "1.3.6.1.4.1.58708.3.0".parse().unwrap(),
            anchors: [ANCHOR.parse().unwrap()],
        }
    }

    fn verification(&self) -> Verification<'_> {
        Verification::new(&self.service, &self.anchors)
    }
}

fn bundle(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path: PathBuf = [root, "..", "vectors", "reference", name].iter().collect();
    std::fs::read(path.with_extension("bin")).unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns whether every step is present and valid.
fn is_fully_valid(inspection: &Inspection<'_>) -> bool {
    let is_valid_zone = |zone: &InspectedZone| {
        let delegation = zone.delegation.as_ref();
        zone.rrset.check == CheckResult::Valid
            && delegation.is_none_or(|delegation| delegation.rrset.check == CheckResult::Valid)
    };
    let chain = inspection.chain.as_ref().is_some_and(|chain| {
        chain.rrset.check == CheckResult::Valid && chain.zones.iter().all(is_valid_zone)
    });
    let member = inspection.member_certificate.as_ref();
    chain
        && inspection.malformed_messages.is_empty()
        && inspection.key_publication == CheckResult::Valid
        && inspection
            .organisation_certificate
            .as_ref()
            .is_some_and(|certificate| certificate.check == CheckResult::Valid)
        && member.is_none_or(|certificate| certificate.check == CheckResult::Valid)
        && inspection
            .signature
            .as_ref()
            .is_some_and(|signature| signature.check == CheckResult::Valid)
}

/// Inspects a bundle, and compares the result with a verification.
fn check(fixture: &Fixture, octets: &[u8], at: Timestamp, what: &str) -> bool {
    let inspection = fixture.verification().inspect(octets, at);
    let verified = match SignatureBundle::from_der(octets) {
        Ok(bundle) => fixture.verification().verify_signature_at(&bundle, at).ok(),
        Err(error) => {
            assert_eq!(inspection.outcome, Outcome::Malformed(error), "{what}");
            return false;
        }
    };
    match (&verified, &inspection.outcome) {
        (Some(verified), Outcome::Valid(outcome)) => {
            assert_eq!(verified, outcome, "{what}");
            assert!(
                inspection.valid_periods.contains(&verified.period()),
                "{what}: {:?}",
                inspection.valid_periods
            );
        }
        (None, Outcome::Invalid(_)) => {
            assert!(!inspection.valid_periods.iter().any(|period| period.contains(at)), "{what}");
        }
        disagreement => panic!("{what}: {disagreement:?}"),
    }
    assert_eq!(is_fully_valid(&inspection), verified.is_some(), "{what}: {inspection:#?}");
    verified.is_some()
}

#[test]
fn agrees_with_verification_at_every_boundary() {
    let fixture = Fixture::new();
    for name in ["member-user", "org-bot", "cms-jvm-style", "rsa4096-org-sha512"] {
        let octets = bundle(name);
        let mut valid = 0;
        for at in [
            "2026-11-21T18:02:59Z",
            "2026-11-22T17:03:00Z",
            "2026-11-22T17:57:59.999Z",
            "2026-11-22T17:58:00Z",
            "2026-11-22T18:58:00Z",
            "2026-11-22T18:58:00.001Z",
            "2026-11-29T18:03:00Z",
            "2027-02-10T18:03:01Z",
            "2096-01-01T00:00:00Z",
        ] {
            valid += usize::from(check(&fixture, &octets, instant(at), at));
        }
        assert_eq!(valid, 2, "{name}");
    }
}

#[test]
fn agrees_with_verification_on_corrupted_bundles() {
    let fixture = Fixture::new();
    let at = instant("2026-11-22T18:03:00Z");
    let original = bundle("member-user");
    let mut valid = 0;
    for position in (0..original.len()).step_by(5) {
        let mut octets = original.clone();
        octets[position] ^= 1 << (position % 8);
        valid += usize::from(check(&fixture, &octets, at, &format!("octet {position}")));
    }
    // Unsigned parts, such as the IDs, flags and TTLs of DNS messages.
    assert!((1..original.len() / 20).contains(&valid), "{valid}");
    for length in (0..original.len()).step_by(13) {
        assert!(!check(&fixture, &original[..length], at, &format!("{length} octets")));
    }
}

#[test]
fn distinguishes_expired_steps_from_invalid_ones() {
    let fixture = Fixture::new();
    let octets = bundle("member-user");
    let late = fixture.verification().inspect(&octets, instant("2026-12-22T18:03:00Z"));
    let chain = late.chain.unwrap();
    assert!(matches!(
        chain.rrset.check.error(),
        Some(veraid::DnssecError::OutsideValidity { owner, .. }) if owner == "_veraid.example.com."
    ));
    assert_eq!(late.organisation_certificate.unwrap().check, CheckResult::Valid);
    assert_eq!(late.key_publication, CheckResult::Valid);

    let mut wrong = octets.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let wrong = fixture.verification().inspect(&wrong, instant("2026-12-22T18:03:00Z"));
    let check = wrong.signature.unwrap().check;
    assert_eq!(check, CheckResult::Invalid(veraid::SignatureError::Signature));
}

#[test]
fn checks_keys_below_untrusted_root() {
    let fixture = Fixture { anchors: [TrustAnchor::iana().remove(0)], ..Fixture::new() };
    let octets = bundle("member-user");
    let inspection = fixture.verification().inspect(&octets, instant("2026-11-22T18:03:00Z"));
    let chain = inspection.chain.unwrap();
    let names: Vec<_> = chain.zones.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(names, [".", "com.", "example.com."]);
    let checks = chain.zones.iter().map(|zone| zone.rrset.check.error().is_some());
    assert_eq!(checks.collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(chain.rrset.check, CheckResult::Valid);
    assert!(chain.zones[0].keys.iter().all(|key| key.is_usable && !key.matches_ds));
    assert!(chain.zones[1].keys.iter().any(|key| key.matches_ds));
}
