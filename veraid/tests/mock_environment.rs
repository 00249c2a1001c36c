//! Bundles of mock organisations and members, verified.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end by a panic")]

use std::time::Duration;

use veraid::issue::{RsaSigner, Signer as _};
use veraid::testing::{MockEnvironment, MockOrganisation};
use veraid::{
    Dialect, KeyAlgorithm, Member, MemberIdBundle, ObjectIdentifier, Period, SignatureBundle,
    SignerKind, Timestamp, TrustAnchor, Verification, VerificationError,
};

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period() -> Period {
    Period::new(instant("2026-01-01T00:00:00Z"), instant("2026-02-01T00:00:00Z")).unwrap()
}

fn service() -> ObjectIdentifier {
    "1.3.6.1.4.1.58708.1.1".parse().unwrap()
}

fn verify(bundle: &[u8], anchors: &[TrustAnchor]) -> Result<(SignerKind, String), String> {
    let bundle = SignatureBundle::from_der(bundle).unwrap();
    let service = service();
    let verified = Verification::new(&service, anchors)
        .verify_signature_at(&bundle, period().start())
        .map_err(|error| error.to_string())?;
    assert_eq!(verified.plaintext(), b"Hello");
    assert_eq!(verified.period(), period());
    Ok((verified.signer(), verified.member().subject_id(verified.organisation())))
}

fn example(environment: &MockEnvironment) -> MockOrganisation {
    environment.organisation("example.com").unwrap()
}

#[test]
fn verifies_signatures_of_members_and_organisations() {
    let environment = MockEnvironment::new(period()).unwrap();
    let anchors = environment.trust_anchors().unwrap();
    let organisation = example(&environment);
    let alice = organisation.member("alice").unwrap();
    let bot = organisation.bot().unwrap();
    for (member, subject) in [(alice, "alice@example.com"), (bot, "example.com")] {
        let bundle = member.sign(b"Hello", &service(), period()).unwrap();
        assert_eq!(verify(&bundle, &anchors).unwrap(), (SignerKind::Member, subject.to_owned()));
        let bundle = organisation.sign(b"Hello", member.member(), &service(), period()).unwrap();
        let expected = (SignerKind::Organisation, subject.to_owned());
        assert_eq!(verify(&bundle, &anchors).unwrap(), expected);
        let id = member.id_bundle().unwrap();
        let id = MemberIdBundle::from_der(&id).unwrap();
        let service = service();
        let verification = Verification::new(&service, &anchors);
        let verified = verification.verify_member_id_at(&id, period().end()).unwrap();
        assert_eq!(verified.member(), member.member());
    }
}

#[test]
fn verifies_both_txt_dialects_and_all_key_sizes() {
    let environment = MockEnvironment::new(period()).unwrap();
    let anchors = environment.trust_anchors().unwrap();
    for size in [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096] {
        let key = RsaSigner::generate(size).unwrap();
        for dialect in [Dialect::Deployed, Dialect::Spec] {
            let organisation =
                environment.organisation_with_key("a.b.example", key.clone()).unwrap();
            let record = organisation.record(Duration::from_secs(60), Some(service())).unwrap();
            let organisation = organisation.with_records(&[record], dialect).unwrap();
            assert_eq!(organisation.key().subject_public_key_info(), key.subject_public_key_info());
            let bundle = organisation.sign(b"Hello", &Member::Bot, &service(), period()).unwrap();
            assert_eq!(verify(&bundle, &anchors).unwrap().1, "a.b.example");
        }
    }
}

#[test]
fn rejects_bundle_of_other_environment() {
    let (environment, other) =
        (MockEnvironment::new(period()).unwrap(), MockEnvironment::new(period()).unwrap());
    let bundle = example(&environment).sign(b"Hello", &Member::Bot, &service(), period()).unwrap();
    let bundle = SignatureBundle::from_der(&bundle).unwrap();
    let (service, anchors) = (service(), other.trust_anchors().unwrap());
    let rejected = Verification::new(&service, &anchors)
        .verify_signature_at(&bundle, period().start())
        .unwrap_err();
    assert!(matches!(rejected, VerificationError::Dnssec(_)), "{rejected}");
}

#[test]
fn rejects_unpublished_key() {
    let environment = MockEnvironment::new(period()).unwrap();
    let anchors = environment.trust_anchors().unwrap();
    let published = example(&environment).record(Duration::from_secs(60), None).unwrap();
    let organisation = example(&environment).with_records(&[published], Dialect::Deployed).unwrap();
    let bundle = organisation.sign(b"Hello", &Member::Bot, &service(), period()).unwrap();
    let bundle = SignatureBundle::from_der(&bundle).unwrap();
    let service = service();
    let rejected = Verification::new(&service, &anchors)
        .verify_signature_at(&bundle, period().start())
        .unwrap_err();
    assert!(matches!(rejected, VerificationError::KeyNotPublished { .. }), "{rejected}");
}
