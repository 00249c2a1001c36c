//! Issued bundles, verified from the mock root's trust anchor.

use std::time::Duration;

use veraid::issue::{RsaSigner, Signer as _, txt_record};
use veraid::testing::MockMember;
use veraid::{
    Dialect, Hash, KeyAlgorithm, Member, MemberIdBundle, SignatureBundle, SignerKind, Verification,
    VerificationError,
};

use crate::organisation::{
    KEYS, PLAINTEXT, member, minutes, month, organisation, service, sign_by, sign_for,
};

#[test]
fn verifies_signatures_and_member_ids_with_each_key() {
    let service = service();
    for (algorithm, hash) in KEYS {
        let (organisation, anchors) = organisation(algorithm, hash);
        let verification = Verification::new(&service, &anchors);
        for name in ["alice", "Alice Smith", "🦀crab", "@"] {
            let signer = member(&organisation, name);
            let member = signer.member();
            let id = signer.id_bundle().unwrap();
            let id = MemberIdBundle::from_der(&id).unwrap();
            let verified = verification.verify_member_id_at(&id, month().end()).unwrap();
            assert_eq!((verified.member(), verified.period()), (member, month()));
            for (octets, signer) in [
                (sign_by(&signer), SignerKind::Member),
                (sign_for(&organisation, member), SignerKind::Organisation),
            ] {
                let bundle = SignatureBundle::from_der(&octets).unwrap();
                let verified = verification.verify_signature_at(&bundle, minutes().end()).unwrap();
                assert_eq!(verified.organisation().as_str(), "example.com");
                assert_eq!((verified.member(), verified.signer()), (member, signer));
                assert_eq!((verified.plaintext(), verified.period()), (PLAINTEXT, minutes()));
            }
        }
    }
}

#[test]
fn verifies_members_and_organisations_with_different_key_sizes() {
    let (organisation, anchors) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha256);
    let key = RsaSigner::generate(KeyAlgorithm::Rsa4096).unwrap().with_hash(Hash::Sha512);
    let octets = sign_by(&MockMember::new(organisation, Member::Bot, key, month()).unwrap());
    let bundle = SignatureBundle::from_der(&octets).unwrap();
    let service = service();
    let verification = Verification::new(&service, &anchors);
    verification.verify_signature_at(&bundle, minutes().start()).unwrap();
}

#[test]
fn both_txt_dialects_publish_key_for_its_service_only() {
    let (organisation, anchors) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha256);
    let (service, other) = (service(), "1.2.3".parse().unwrap());
    let key = organisation.key().subject_public_key_info();
    let record = txt_record(key, Duration::from_secs(3600), Some(service.clone())).unwrap();
    for dialect in [Dialect::Deployed, Dialect::Spec] {
        let organisation =
            organisation.clone().with_records(std::slice::from_ref(&record), dialect).unwrap();
        let bundle = member(&organisation, "alice").id_bundle().unwrap();
        let id = MemberIdBundle::from_der(&bundle).unwrap();
        let at = minutes().start();
        Verification::new(&service, &anchors).verify_member_id_at(&id, at).unwrap();
        let rejected =
            Verification::new(&other, &anchors).verify_member_id_at(&id, at).unwrap_err();
        assert!(matches!(rejected, VerificationError::KeyNotPublished { records: 1, .. }));
    }
}
