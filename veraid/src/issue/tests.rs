//! Round trips through the verification, without a DNSSEC chain where possible.

use std::time::Duration;

use super::certificate::{always, verified_organisation};
use super::*;
use crate::budget::Budget;
use crate::cert::verify_member;
use crate::cms::{SignatureRequirements, SignedData, SignerKind, verify_signed_data};
use crate::crypto::DirectVerifier;
use crate::period::ValidityTracker;
use crate::{
    Certificate, CertificateError, DnssecError, Hash, KeyAlgorithm, Limits, Member, MemberIdBundle,
    ObjectIdentifier, Period, SignatureBundle, TxtRecord, TxtRecordError, VerificationError,
};

const HASHES: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
/// One key for all tests of a size, because key generation is slow.
static KEY: std::sync::LazyLock<RsaSigner> =
    std::sync::LazyLock::new(|| RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap());
static MEMBER_KEY: std::sync::LazyLock<RsaSigner> =
    std::sync::LazyLock::new(|| RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap());

fn period(start: &str, end: &str) -> Period {
    Period::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn year() -> Period {
    period("2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z")
}

fn minutes() -> Period {
    period("2026-11-22T18:00:00.25Z", "2026-11-22T18:05:00.25Z")
}

fn service() -> ObjectIdentifier {
    "1.3.6.1.4.1.58708.1.1".parse().unwrap()
}

fn organisation(key: &RsaSigner, period: Period) -> OrganisationCertificate {
    let name = "example.com".parse().unwrap();
    let spki = key.subject_public_key_info();
    OrganisationCertificate::prepare(&name, spki, key.hash(), period).unwrap().sign(key).unwrap()
}

fn member_certificate(
    member: &Member,
    key: &RsaSigner,
    organisation: &OrganisationCertificate,
    organisation_key: &RsaSigner,
    period: Period,
) -> MemberCertificate {
    let (spki, hash) = (key.subject_public_key_info(), organisation_key.hash());
    MemberCertificate::prepare(member, spki, organisation, hash, period)
        .unwrap()
        .sign(organisation_key)
        .unwrap()
}

/// A response about the organisation's TXT records, without records, and one about another name.
fn chain() -> Vec<Vec<u8>> {
    let header = [0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let txt = b"\x07_veraid\x07example\x03com\0\0\x10\0\x01";
    vec![[&header[..], txt].concat(), [&header[..], b"\0\0\x30\0\x01"].concat()]
}

/// Verifies everything but the DNSSEC chain.
fn verify(bundle: &[u8], at: Period) -> Result<(SignerKind, Member, Vec<u8>), VerificationError> {
    let bundle = SignatureBundle::from_der(bundle).unwrap();
    let (limits, mut verifier) = (Limits::default(), DirectVerifier);
    let mut budget = Budget::new(&mut verifier);
    let mut validity = ValidityTracker::new(at);
    let organisation = verified_organisation(bundle.organisation_certificate(), &mut validity)
        .map_err(VerificationError::OrganisationCertificate)?;
    let signed_data = SignedData::read(bundle.signature)?;
    let service = service();
    let requirements =
        SignatureRequirements { organisation: &organisation, service: &service, limits: &limits };
    let (kind, member) =
        verify_signed_data(&signed_data, &requirements, &mut validity, &mut budget)?;
    Ok((kind, member, signed_data.plaintext.into_owned()))
}

#[test]
fn verifies_signatures_of_both_kinds_with_each_size_and_hash() {
    let service = service();
    let request = SignatureRequest::new(&service, b"Hello", minutes());
    for (algorithm, hash) in [
        (KeyAlgorithm::Rsa2048, Hash::Sha256),
        (KeyAlgorithm::Rsa3072, Hash::Sha384),
        (KeyAlgorithm::Rsa4096, Hash::Sha512),
    ] {
        let key = RsaSigner::generate(algorithm).unwrap().with_hash(hash);
        let organisation = organisation(&key, year());
        for name in ["alice", "🦀crab", "@"] {
            let member: Member = name.parse().unwrap();
            let certificate = member_certificate(&member, &key, &organisation, &key, year());
            let id = member_id_bundle(&organisation, &certificate, &chain()).unwrap();
            let id = MemberIdBundle::from_der(&id).unwrap();
            let bundle = request.by_member(&id, hash).unwrap().sign(&key).unwrap();
            let expected = (SignerKind::Member, member.clone(), b"Hello".to_vec());
            assert_eq!(verify(bundle.as_bytes(), minutes()), Ok(expected));
            let unsigned = request.by_organisation(&organisation, &chain(), &member, hash);
            let bundle = unsigned.unwrap().sign(&key).unwrap();
            let expected = (SignerKind::Organisation, member.clone(), b"Hello".to_vec());
            assert_eq!(verify(bundle.as_bytes(), minutes()), Ok(expected));
        }
    }
}

#[test]
fn uses_hash_of_signer() {
    let service = service();
    let request = SignatureRequest::new(&service, b"Hello", minutes());
    for hash in HASHES {
        let key = KEY.clone().with_hash(hash);
        let organisation = organisation(&key, year());
        let unsigned = request.by_organisation(&organisation, &chain(), &Member::Bot, hash);
        let unsigned = unsigned.unwrap();
        let length = unsigned.signed_length();
        let bundle = unsigned.sign(&key).unwrap();
        assert_eq!(bundle.as_bytes().len(), length);
        verify(bundle.as_bytes(), minutes()).unwrap();
    }
}

#[test]
fn round_trips_certificates() {
    let organisation = organisation(&KEY, year());
    let read = OrganisationCertificate::from_der(organisation.as_der().to_vec()).unwrap();
    assert_eq!(read, organisation);
    let alice: Member = "alice".parse().unwrap();
    let certificate = member_certificate(&alice, &MEMBER_KEY, &organisation, &KEY, minutes());
    let read = MemberCertificate::from_der(certificate.as_der().to_vec(), &organisation).unwrap();
    assert_eq!(read, certificate);
    assert_eq!(read.period(), period("2026-11-22T18:00:00Z", "2026-11-22T18:05:00Z"));
    let rejected = OrganisationCertificate::from_der(certificate.as_der().to_vec()).unwrap_err();
    assert!(matches!(
        rejected,
        IssueError::OrganisationCertificate(CertificateError::CertificateAuthority { .. })
    ));
}

#[test]
fn limits_member_certificate_to_organisation() {
    let organisation = organisation(&KEY, year());
    let spki = MEMBER_KEY.subject_public_key_info();
    let prepare = |period| {
        MemberCertificate::prepare(&Member::Bot, spki, &organisation, Hash::Sha256, period)
    };
    let longer = period("2025-12-31T00:00:00Z", "2050-01-01T00:00:00Z");
    let certificate = prepare(longer).unwrap().sign(&*KEY).unwrap();
    assert_eq!(certificate.period(), year());
    let later = period("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z");
    let outside = IssueError::OutsideOrganisation { requested: later, organisation: year() };
    assert_eq!(prepare(later).unwrap_err(), outside);
}

#[test]
fn serial_numbers_are_distinct_positive_and_16_octets() {
    let (one, other) = (organisation(&KEY, year()), organisation(&KEY, year()));
    let serial = |certificate: &OrganisationCertificate| {
        Certificate::from_der(certificate.as_der()).unwrap().serial.to_vec()
    };
    assert_ne!(serial(&one), serial(&other));
    assert_eq!(serial(&one).len(), 16);
}

#[test]
fn rejects_start_outside_certificates() {
    let service = service();
    let organisation = organisation(&KEY, year());
    let day = period("2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z");
    let certificate = member_certificate(&Member::Bot, &MEMBER_KEY, &organisation, &KEY, day);
    let id = member_id_bundle(&organisation, &certificate, &chain()).unwrap();
    let id = MemberIdBundle::from_der(&id).unwrap();
    for (start, is_valid) in [
        ("2026-11-21T23:59:59.999Z", false),
        ("2026-11-22T00:00:00Z", true),
        ("2026-11-22T23:59:59Z", true),
        ("2026-11-22T23:59:59.001Z", false),
    ] {
        let request = SignatureRequest::new(&service, b"", period(start, "2027-02-01T00:00:00Z"));
        let outcome = request.by_member(&id, Hash::Sha256);
        match outcome {
            Ok(_) => assert!(is_valid, "{start}"),
            Err(IssueError::MemberCertificate(CertificateError::NotValid { validity, .. })) => {
                assert!(!is_valid, "{start}");
                assert_eq!(validity, day);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let late = SignatureRequest::new(
        &service,
        b"",
        period("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    );
    let rejected = late.by_organisation(&organisation, &chain(), &Member::Bot, Hash::Sha256);
    assert!(matches!(
        rejected.unwrap_err(),
        IssueError::OrganisationCertificate(CertificateError::NotValid { .. })
    ));
}

#[test]
fn rejects_chain_of_other_owner() {
    let organisation = organisation(&KEY, year());
    let service = service();
    let request = SignatureRequest::new(&service, b"", minutes());
    let rejected = |chain: &[Vec<u8>]| {
        let rejected = request.by_organisation(&organisation, chain, &Member::Bot, Hash::Sha256);
        rejected.unwrap_err()
    };
    let owner = "_veraid.example.com".to_owned();
    let missing = DnssecError::TxtResponses { owner: owner.clone(), found: 0 };
    assert_eq!(rejected(&chain()[1..]), IssueError::Chain(missing));
    let twice = DnssecError::TxtResponses { owner, found: 2 };
    assert_eq!(rejected(&[chain(), chain()].concat()), IssueError::Chain(twice));
    assert!(matches!(rejected(&[vec![0]]), IssueError::Chain(DnssecError::Message { .. })));
}

#[test]
fn rejects_member_of_other_organisation() {
    let (issuer, other) = (organisation(&KEY, year()), organisation(&MEMBER_KEY, year()));
    let certificate = member_certificate(&Member::Bot, &KEY, &other, &MEMBER_KEY, year());
    let rejected = member_id_bundle(&issuer, &certificate, &chain()).unwrap_err();
    assert!(matches!(
        rejected,
        IssueError::MemberCertificate(CertificateError::AuthorityKeyId { .. })
    ));
}

#[test]
fn rejects_mismatching_signature() {
    let service = service();
    let organisation = organisation(&KEY, year());
    let request = SignatureRequest::new(&service, b"Hello", minutes());
    let unsigned = request.by_organisation(&organisation, &chain(), &Member::Bot, Hash::Sha256);
    let unsigned = unsigned.unwrap();
    assert_eq!(unsigned.subject_public_key_info(), KEY.subject_public_key_info());
    let mut signature = KEY.sign(unsigned.to_be_signed()).unwrap();
    unsigned.clone().with_signature(&signature).unwrap();
    let short = unsigned.clone().with_signature(&signature[1..]).unwrap_err();
    assert!(matches!(short, SigningError::Length { expected: 256, found: 255 }));
    signature[100] ^= 1;
    let wrong = unsigned.clone().with_signature(&signature).unwrap_err();
    assert!(matches!(wrong, SigningError::Mismatch));
    assert!(matches!(unsigned.clone().sign(&*MEMBER_KEY).unwrap_err(), SigningError::Key));
    let other_hash = KEY.clone().with_hash(Hash::Sha512);
    assert!(matches!(unsigned.sign(&other_hash).unwrap_err(), SigningError::Hash { .. }));
}

#[test]
fn round_trips_keys_in_der_and_pem() {
    let der = KEY.to_pkcs8_der().unwrap();
    let read = RsaSigner::from_pkcs8_der(&der).unwrap();
    assert_eq!(read.subject_public_key_info(), KEY.subject_public_key_info());
    let pem = KEY.to_pkcs8_pem().unwrap();
    let read = RsaSigner::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(read.subject_public_key_info(), KEY.subject_public_key_info());
    assert_eq!(read.hash(), Hash::Sha256);
    assert_eq!(format!("{read:?}"), "RsaSigner { algorithm: Rsa2048, hash: Sha256, .. }");
}

#[test]
fn rejects_invalid_keys() {
    let rejected = |text: &str| RsaSigner::from_pem(text.as_bytes()).unwrap_err();
    assert!(matches!(rejected(""), KeyError::Pem { .. }));
    let pem = KEY.to_pkcs8_pem().unwrap();
    let label = |label: &str| pem.replace("PRIVATE KEY", label);
    assert_eq!(rejected(&label("ENCRYPTED PRIVATE KEY")), KeyError::Encrypted);
    let found = "CERTIFICATE".to_owned();
    assert_eq!(rejected(&label("CERTIFICATE")), KeyError::Label { found });
    let old = pem.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM");
    assert_eq!(rejected(&old), KeyError::Encrypted);
    assert!(matches!(RsaSigner::from_pkcs8_der(b"x"), Err(KeyError::Rejected { .. })));
}

#[test]
fn txt_record_publishes_signers_key() {
    let spki = KEY.subject_public_key_info();
    let record = txt_record(spki, TxtRecord::MAX_TTL_OVERRIDE, Some(service())).unwrap();
    assert!(record.identifies(KEY.algorithm(), spki));
    assert_eq!(record.service(), Some(&service()));
    let second = Duration::from_secs(1);
    for (ttl_override, text) in [
        (Duration::ZERO, "0ns"),
        (second * 7_776_001, "7776001s"),
        (Duration::from_millis(1500), "1.5s"),
    ] {
        let rejected = txt_record(spki, ttl_override, None).unwrap_err();
        let reason = TxtRecordError::TtlOverride(text.to_owned());
        assert_eq!(rejected, IssueError::TxtRecord(reason));
    }
    assert!(matches!(txt_record(b"", second, None).unwrap_err(), IssueError::PublicKey(_)));
}

#[test]
fn verifies_certificates_beyond_2049_and_of_other_key_sizes() {
    let century = period("1949-01-01T00:00:00Z", "2099-12-31T23:59:59Z");
    let organisation = organisation(&KEY, century);
    let key = RsaSigner::generate(KeyAlgorithm::Rsa3072).unwrap().with_hash(Hash::Sha512);
    let certificate = member_certificate(&Member::Bot, &key, &organisation, &KEY, century);
    let parts = Certificate::from_der(certificate.as_der()).unwrap();
    let organisation_parts = organisation.parts().unwrap();
    let issuer = verified_organisation(&organisation_parts, &mut always()).unwrap();
    let (limits, mut verifier) = (Limits::default(), DirectVerifier);
    let mut budget = Budget::new(&mut verifier);
    let mut validity = always();
    verify_member(&parts, &issuer, &limits, &mut validity, &mut budget).unwrap();
    assert_eq!(validity.valid, century);
}
