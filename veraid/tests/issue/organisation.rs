//! An organisation under a mock DNS root.

use veraid::issue::RsaSigner;
use veraid::testing::{MockEnvironment, MockMember, MockOrganisation};
use veraid::{Hash, KeyAlgorithm, Member, ObjectIdentifier, Period, TrustAnchor};

pub(crate) const PLAINTEXT: &[u8] = b"Hello";

/// Every key size, each with a hash.
pub(crate) const KEYS: [(KeyAlgorithm, Hash); 4] = [
    (KeyAlgorithm::Rsa2048, Hash::Sha256),
    (KeyAlgorithm::Rsa2048, Hash::Sha512),
    (KeyAlgorithm::Rsa3072, Hash::Sha384),
    (KeyAlgorithm::Rsa4096, Hash::Sha256),
];

/// The validity of certificates.
pub(crate) fn month() -> Period {
    period("2026-11-01T00:00:00Z", "2026-11-30T23:59:59Z")
}

/// The validity of signatures.
pub(crate) fn minutes() -> Period {
    period("2026-11-22T18:00:00.25Z", "2026-11-22T18:05:00.5Z")
}

fn period(start: &str, end: &str) -> Period {
    Period::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

pub(crate) fn service() -> ObjectIdentifier {
    "1.3.6.1.4.1.58708.1.1".parse().unwrap()
}

pub(crate) fn organisation(
    algorithm: KeyAlgorithm,
    hash: Hash,
) -> (MockOrganisation, Vec<TrustAnchor>) {
    let environment = MockEnvironment::new(month()).unwrap();
    let key = RsaSigner::generate(algorithm).unwrap().with_hash(hash);
    let organisation = environment.organisation_with_key("example.com", key).unwrap();
    (organisation, environment.trust_anchors().unwrap())
}

/// Returns a member with the organisation's key size and hash.
pub(crate) fn member(organisation: &MockOrganisation, name: &str) -> MockMember {
    let key = RsaSigner::generate(organisation.key().algorithm()).unwrap();
    let key = key.with_hash(veraid::issue::Signer::hash(organisation.key()));
    MockMember::new(organisation.clone(), name.parse().unwrap(), key, month()).unwrap()
}

/// Returns a signature by the member.
pub(crate) fn sign_by(member: &MockMember) -> Vec<u8> {
    member.sign(PLAINTEXT, &service(), minutes()).unwrap()
}

/// Returns a signature by the organisation on behalf of the member.
pub(crate) fn sign_for(organisation: &MockOrganisation, member: &Member) -> Vec<u8> {
    organisation.sign(PLAINTEXT, member, &service(), minutes()).unwrap()
}
