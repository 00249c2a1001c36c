//! Certificates and bundles, read by the `RustCrypto` crates and encoded again without a
//! difference.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::{Any, BmpString, OctetStringRef, SetOfVec, Utf8StringRef};
use cms::cert::x509::der::oid::AssociatedOid;
use cms::cert::x509::der::{Decode, Encode};
use cms::cert::x509::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use veraid::issue::Signer as _;
use veraid::{Hash, KeyAlgorithm};

use crate::organisation::{PLAINTEXT, member, month, organisation, sign_by, sign_for};

const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const METADATA: &str = "1.3.6.1.4.1.58708.1.0";
const ATTRIBUTION: &str = "1.3.6.1.4.1.58708.1.2";
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
const SHA_384: &str = "2.16.840.1.101.3.4.2.2";
const SEQUENCE: u8 = 0x30;

#[test]
fn certificates_have_required_fields() {
    let (organisation, _) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha384);
    let alice = member(&organisation, "alice");
    let issuer: Certificate = read(organisation.certificate().as_der());
    let issuer_key_id = digest(&SHA256, organisation.key().subject_public_key_info());
    for (octets, name, key, path_length) in [
        (organisation.certificate().as_der(), "example.com", organisation.key(), Some(0)),
        (alice.certificate().as_der(), "alice", alice.key(), None),
    ] {
        let certificate: Certificate = read(octets);
        check_fields(&certificate, &issuer);
        assert_eq!(common_name(&certificate), name);
        let spki = certificate.tbs_certificate.subject_public_key_info.to_der().unwrap();
        assert_eq!(spki, key.subject_public_key_info());
        let (is_critical, constraints) = extension::<BasicConstraints>(&certificate);
        assert_eq!((is_critical, constraints.ca), (true, path_length.is_some()));
        assert_eq!(constraints.path_len_constraint, path_length);
        let (is_critical, key_id) = extension::<SubjectKeyIdentifier>(&certificate);
        assert_eq!((is_critical, key_id.0.as_bytes()), (false, digest(&SHA256, &spki).as_ref()));
        let (is_critical, authority) = extension::<AuthorityKeyIdentifier>(&certificate);
        let key_id = authority.key_identifier.unwrap();
        assert_eq!((is_critical, key_id.as_bytes()), (false, issuer_key_id.as_ref()));
    }
}

fn check_fields(certificate: &Certificate, issuer: &Certificate) {
    let tbs = &certificate.tbs_certificate;
    assert_eq!(tbs.version, cms::cert::x509::Version::V3);
    assert_eq!(tbs.serial_number.as_bytes().len(), 16);
    assert_eq!(tbs.issuer, issuer.tbs_certificate.subject);
    assert_eq!(certificate.signature_algorithm.oid.to_string(), RSASSA_PSS);
    assert_eq!(certificate.signature_algorithm, tbs.signature);
    assert_eq!(unix_seconds(tbs.validity.not_before), month().start().as_second());
    assert_eq!(unix_seconds(tbs.validity.not_after), month().end().as_second());
}

#[test]
fn bundles_are_der_with_sorted_sets() {
    let (organisation, _) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha384);
    let alice = member(&organisation, "alice");
    let id = alice.id_bundle().unwrap();
    for bundle in [&id, &sign_for(&organisation, alice.member())] {
        let elements = elements(bundle);
        let [version, chain, certificate, _] = elements.as_slice() else { panic!("4 elements") };
        assert_eq!(version, &[0x80, 1, 0]);
        let chain: SetOfVec<Any> = read(&with_tag(chain, 0x31));
        assert_eq!(chain.len(), organisation.chain().len());
        assert_eq!(with_tag(certificate, SEQUENCE), organisation.certificate().as_der());
    }
    let member: Certificate = read(&with_tag(&elements(&id)[3], SEQUENCE));
    assert_eq!(common_name(&member), "alice");
}

#[test]
fn signatures_have_required_fields() {
    let (organisation, _) = organisation(KeyAlgorithm::Rsa2048, Hash::Sha384);
    let alice = member(&organisation, "alice");
    let issuer: Certificate = read(organisation.certificate().as_der());
    for (bundle, is_by_member) in
        [(sign_by(&alice), true), (sign_for(&organisation, alice.member()), false)]
    {
        let signed_data = signed_data(&bundle);
        let certificates = signed_data.certificates.as_ref().unwrap().0.as_slice();
        let certificate = match certificates {
            [] if !is_by_member => &issuer,
            [CertificateChoices::Certificate(certificate)] if is_by_member => certificate,
            _ => panic!("the member's certificate alone is attached"),
        };
        let [signer] = signed_data.signer_infos.0.as_slice() else { panic!("one signer") };
        let SignerIdentifier::IssuerAndSerialNumber(sid) = &signer.sid else { panic!("sid") };
        assert_eq!(sid.issuer, issuer.tbs_certificate.subject);
        assert_eq!(sid.serial_number, certificate.tbs_certificate.serial_number);
        check_attributes(signer, is_by_member);
    }
}

fn signed_data(bundle: &[u8]) -> SignedData {
    let content_info: ContentInfo = read(&with_tag(&elements(bundle)[3], SEQUENCE));
    let signed_data: SignedData = read(&content_info.content.to_der().unwrap());
    assert_eq!(signed_data.version, CmsVersion::V1);
    let [algorithm] = signed_data.digest_algorithms.as_slice() else { panic!("one digest") };
    assert_eq!(algorithm.oid.to_string(), SHA_384);
    let content = signed_data.encap_content_info.econtent.as_ref().unwrap();
    assert_eq!(content.decode_as::<OctetStringRef<'_>>().unwrap().as_bytes(), PLAINTEXT);
    signed_data
}

fn check_attributes(signer: &SignerInfo, is_by_member: bool) {
    assert_eq!(signer.version, CmsVersion::V1);
    assert_eq!(signer.digest_alg.oid.to_string(), SHA_384);
    assert_eq!(signer.signature_algorithm.oid.to_string(), RSASSA_PSS);
    assert!(signer.unsigned_attrs.is_none());
    let value = |oid: &str| {
        let attributes = signer.signed_attrs.as_ref().unwrap().iter();
        let attribute = attributes.clone().find(|attribute| attribute.oid.to_string() == oid)?;
        let [value] = attribute.values.as_slice() else { panic!("one value") };
        Some(value.to_der().unwrap())
    };
    let content_type = value(CONTENT_TYPE).unwrap();
    assert_eq!(content_type, [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 1]);
    let message_digest = value(MESSAGE_DIGEST).unwrap();
    let message_digest = OctetStringRef::from_der(&message_digest).unwrap();
    assert_eq!(message_digest.as_bytes(), digest(&SHA384, PLAINTEXT).as_ref());
    let metadata = [
        &[0x30, 53, 0x80, 10, 0x2b, 6, 1, 4, 1, 0x83, 0xca, 0x54, 1, 1, 0xa1, 39][..],
        &[0x80, 18],
        b"20261122180000.25Z",
        &[0x81, 17],
        b"20261122180500.5Z",
    ];
    assert_eq!(value(METADATA).unwrap(), metadata.concat());
    let attribution = value(ATTRIBUTION);
    let attribution = attribution.as_ref().map(|der| Utf8StringRef::from_der(der).unwrap());
    let attribution = attribution.as_ref().map(|text| text.as_str());
    assert_eq!(attribution, (!is_by_member).then_some("alice"));
}

/// Returns the elements of a bundle, with the tag of a SEQUENCE instead of the implicit ones.
fn elements(bundle: &[u8]) -> Vec<Vec<u8>> {
    let elements = Vec::<Any>::from_der(bundle).unwrap();
    elements.iter().map(|element| element.to_der().unwrap()).collect()
}

fn with_tag(element: &[u8], tag: u8) -> Vec<u8> {
    [&[tag], &element[1..]].concat()
}

fn read<T: for<'a> Decode<'a> + Encode>(octets: &[u8]) -> T {
    let value = T::from_der(octets).unwrap();
    assert_eq!(value.to_der().unwrap(), octets, "the same in DER");
    value
}

fn extension<T: for<'a> Decode<'a> + AssociatedOid>(certificate: &Certificate) -> (bool, T) {
    certificate.tbs_certificate.get::<T>().unwrap().unwrap()
}

fn common_name(certificate: &Certificate) -> String {
    let [rdn] = certificate.tbs_certificate.subject.0.as_slice() else { panic!("one RDN") };
    let [attribute] = rdn.0.as_slice() else { panic!("one attribute") };
    assert_eq!(attribute.oid.to_string(), "2.5.4.3");
    attribute.value.decode_as::<BmpString>().unwrap().to_string()
}

fn unix_seconds(time: cms::cert::x509::time::Time) -> i64 {
    time.to_unix_duration().as_secs().try_into().unwrap()
}
