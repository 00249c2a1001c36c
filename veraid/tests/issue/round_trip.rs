//! What we issue verifies with our own verification, from the mock root's trust anchor on.

use veraid::issue::RsaSigner;
use veraid::{
    Dialect, Hash, KeyAlgorithm, Member, MemberIdBundle, SignatureBundle, SignerKind, Verification,
    VerificationError,
};

use crate::organisation::{KEYS, Organisation, PLAINTEXT, minutes, month, service};

#[test]
fn signatures_and_member_ids_verify_with_each_key() {
    for (algorithm, hash) in KEYS {
        let organisation = Organisation::new(algorithm, hash);
        let service = service();
        let verification = Verification::new(&service, &organisation.trust_anchors);
        for name in ["alice", "Alice Smith", "🦀crab", "@"] {
            let member: Member = name.parse().unwrap();
            let id = organisation.member_id_bundle(&member, &organisation.key);
            let id = MemberIdBundle::from_der(&id).unwrap();
            let verified = verification.verify_member_id_at(&id, month().end()).unwrap();
            assert_eq!((verified.member(), verified.period()), (&member, month()));
            for (octets, signer) in [
                (organisation.sign_by(&member, &organisation.key), SignerKind::Member),
                (organisation.sign_for(&member), SignerKind::Organisation),
            ] {
                let bundle = SignatureBundle::from_der(&octets).unwrap();
                let verified = verification.verify_signature_at(&bundle, minutes().end()).unwrap();
                assert_eq!(verified.organisation().as_str(), "example.com");
                assert_eq!((verified.member(), verified.signer()), (&member, signer));
                assert_eq!((verified.plaintext(), verified.period()), (PLAINTEXT, minutes()));
            }
        }
    }
}

#[test]
fn members_and_organisations_may_have_keys_of_different_sizes() {
    let organisation = Organisation::new(KeyAlgorithm::Rsa2048, Hash::Sha256);
    let key = RsaSigner::generate(KeyAlgorithm::Rsa4096).unwrap().with_hash(Hash::Sha512);
    let octets = organisation.sign_by(&Member::Bot, &key);
    let bundle = SignatureBundle::from_der(&octets).unwrap();
    let service = service();
    let verification = Verification::new(&service, &organisation.trust_anchors);
    verification.verify_signature_at(&bundle, minutes().start()).unwrap();
}

#[test]
fn both_dialects_of_the_txt_record_publish_a_key_for_its_service_alone() {
    let other = "1.2.3".parse().unwrap();
    for dialect in [Dialect::Deployed, Dialect::Spec] {
        let bound = Some(service());
        let organisation =
            Organisation::publishing(KeyAlgorithm::Rsa2048, Hash::Sha256, bound, dialect);
        let bundle = organisation.member_id_bundle(&Member::Bot, &organisation.key);
        let id = MemberIdBundle::from_der(&bundle).unwrap();
        let at = minutes().start();
        let service = service();
        let anchors = &organisation.trust_anchors;
        Verification::new(&service, anchors).verify_member_id_at(&id, at).unwrap();
        let refused = Verification::new(&other, anchors).verify_member_id_at(&id, at).unwrap_err();
        assert!(matches!(refused, VerificationError::KeyNotPublished { records: 1, .. }));
    }
}
