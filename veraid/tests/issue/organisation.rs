//! An organisation under a mock DNS root, with members to issue for.

use veraid::issue::{
    MemberCertificate, OrganisationCertificate, RsaSigner, SignatureRequest, Signer as _,
    member_id_bundle,
};
use veraid::testing::MockDns;
use veraid::{
    Dialect, Hash, KeyAlgorithm, Member, MemberIdBundle, ObjectIdentifier, Period, TrustAnchor,
    TxtRecord,
};

pub(crate) const SERVICE: &str = "1.3.6.1.4.1.58708.1.1";
pub(crate) const PLAINTEXT: &[u8] = b"Hello";

/// Every size of key, with a hash of each.
pub(crate) const KEYS: [(KeyAlgorithm, Hash); 4] = [
    (KeyAlgorithm::Rsa2048, Hash::Sha256),
    (KeyAlgorithm::Rsa2048, Hash::Sha512),
    (KeyAlgorithm::Rsa3072, Hash::Sha384),
    (KeyAlgorithm::Rsa4096, Hash::Sha256),
];

pub(crate) struct Organisation {
    pub(crate) key: RsaSigner,
    pub(crate) certificate: OrganisationCertificate,
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) trust_anchors: Vec<TrustAnchor>,
}

pub(crate) fn period(start: &str, end: &str) -> Period {
    Period::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

/// When certificates are valid.
pub(crate) fn month() -> Period {
    period("2026-11-01T00:00:00Z", "2026-11-30T23:59:59Z")
}

/// When signatures are valid.
pub(crate) fn minutes() -> Period {
    period("2026-11-22T18:00:00.25Z", "2026-11-22T18:05:00.5Z")
}

pub(crate) fn service() -> ObjectIdentifier {
    SERVICE.parse().unwrap()
}

impl Organisation {
    pub(crate) fn new(algorithm: KeyAlgorithm, hash: Hash) -> Self {
        Self::publishing(algorithm, hash, None, Dialect::Deployed)
    }

    pub(crate) fn publishing(
        algorithm: KeyAlgorithm,
        hash: Hash,
        service: Option<ObjectIdentifier>,
        dialect: Dialect,
    ) -> Self {
        let key = RsaSigner::generate(algorithm).unwrap().with_hash(hash);
        let spki = key.subject_public_key_info();
        let record = TxtRecord::new(algorithm, spki, 3600, service).unwrap();
        let dns = MockDns::new(month()).unwrap();
        let dns = dns.with_zones(["com", "example.com"]).unwrap();
        let dns = dns.with_txt("_veraid.example.com", &record.to_value(dialect)).unwrap();
        let name = "example.com".parse().unwrap();
        let unsigned = OrganisationCertificate::prepare(&name, spki, hash, month()).unwrap();
        let certificate = unsigned.sign(&key).unwrap();
        let chain = dns.chain("_veraid.example.com").unwrap();
        let trust_anchors = dns.trust_anchors().unwrap();
        Self { key, certificate, chain, trust_anchors }
    }

    pub(crate) fn member_certificate(&self, member: &Member, key: &RsaSigner) -> MemberCertificate {
        let (spki, hash) = (key.subject_public_key_info(), self.key.hash());
        MemberCertificate::prepare(member, spki, &self.certificate, hash, month())
            .unwrap()
            .sign(&self.key)
            .unwrap()
    }

    pub(crate) fn member_id_bundle(&self, member: &Member, key: &RsaSigner) -> Vec<u8> {
        let certificate = self.member_certificate(member, key);
        member_id_bundle(&self.certificate, &certificate, &self.chain).unwrap()
    }

    /// A signature by a member.
    pub(crate) fn sign_by(&self, member: &Member, key: &RsaSigner) -> Vec<u8> {
        let bundle = self.member_id_bundle(member, key);
        let id = MemberIdBundle::from_der(&bundle).unwrap();
        let service = service();
        let request = SignatureRequest::new(&service, PLAINTEXT, minutes());
        request.by_member(&id, key.hash()).unwrap().sign(key).unwrap().into_bytes()
    }

    /// A signature by the organisation on behalf of a member.
    pub(crate) fn sign_for(&self, member: &Member) -> Vec<u8> {
        let service = service();
        let request = SignatureRequest::new(&service, PLAINTEXT, minutes());
        request
            .by_organisation(&self.certificate, &self.chain, member, self.key.hash())
            .unwrap()
            .sign(&self.key)
            .unwrap()
            .into_bytes()
    }
}
