//! An organisation under a mock DNS root, for bundles that the reference implementation lacks.

use kliento::{SERVICE, Timestamp, Token, TrustAnchor};
use veraid::issue::RsaSigner;
use veraid::testing::{MockDns, MockKey, MockMember, MockOrganisation, MockZone, ZoneAlgorithm};
use veraid::{KeyAlgorithm, Period};

use crate::Bundle;

/// The audience of all tokens.
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// An organisation, its DNS, and a member who signs.
#[derive(Clone)]
pub(crate) struct Mock {
    pub(crate) dns: MockDns,
    pub(crate) organisation: MockOrganisation,
    pub(crate) member: MockMember,
}

impl Mock {
    /// Creates an organisation in `example.com`, with one key each in `.`, `com` and `example.com`.
    pub(crate) fn new(root: MockKey, com: MockKey, example: MockKey, size: KeyAlgorithm) -> Self {
        let zones = [(".", root), ("com", com), ("example.com", example)];
        let dns = MockDns::new(period()).expect("a root");
        let dns = zones.into_iter().fold(dns, |dns, (name, key)| {
            let zone = MockZone::new(name, period()).expect("a zone").with_keys([key]);
            dns.with_zone(zone).expect("a zone")
        });
        Self::organisation("example.com", dns, size)
    }

    /// Creates an organisation with a typical chain: RSA in the root, ECDSA P-256 in other zones.
    pub(crate) fn typical() -> Self {
        let p256 = || MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256).expect("a key");
        let root = MockKey::generate(ZoneAlgorithm::RsaSha256).expect("a key");
        Self::new(root, p256(), p256(), KeyAlgorithm::Rsa2048)
    }

    /// Creates an organisation with this name.
    pub(crate) fn organisation(name: &str, dns: MockDns, size: KeyAlgorithm) -> Self {
        let key = || RsaSigner::generate(size).expect("a key");
        let name = name.parse().expect("a domain name");
        let organisation = MockOrganisation::new(name, key(), dns, period()).expect("a chain");
        let alice = "alice".parse().expect("a user name");
        let member = MockMember::new(organisation.clone(), alice, key(), period());
        Self {
            dns: organisation.dns().clone(),
            organisation,
            member: member.expect("a certificate"),
        }
    }

    /// Returns the owner of the organisation's TXT records.
    pub(crate) fn owner(&self) -> String {
        self.organisation.name().txt_owner()
    }

    pub(crate) fn trust_anchors(&self) -> Vec<TrustAnchor> {
        self.dns.trust_anchors().expect("a known algorithm")
    }

    /// Returns a bundle that the member signed.
    pub(crate) fn bundle(&self) -> Bundle {
        let token = Token::new(AUDIENCE).with_claim("permission", "read-only").to_json();
        self.bundle_with_plaintext(token.as_bytes())
    }

    /// Returns a bundle with this plaintext that the member signed.
    pub(crate) fn bundle_with_plaintext(&self, plaintext: &[u8]) -> Bundle {
        let service = SERVICE.parse().expect("a constant");
        let octets = self.member.sign(plaintext, &service, period()).expect("a signature");
        self.wrap(octets)
    }

    /// Returns a bundle with this chain, signed by the organisation.
    pub(crate) fn bundle_with_chain(&self, chain: Vec<Vec<u8>>) -> Bundle {
        let service = SERVICE.parse().expect("a constant");
        let token = Token::new(AUDIENCE).to_json();
        let organisation = self.organisation.clone().with_chain(chain);
        let octets = organisation.sign(token.as_bytes(), self.member.member(), &service, period());
        self.wrap(octets.expect("a signature"))
    }

    /// Returns a bundle of these octets with the parameters of this organisation.
    pub(crate) fn wrap(&self, octets: Vec<u8>) -> Bundle {
        Bundle::new(octets, AUDIENCE, at(), self.trust_anchors())
    }
}

/// The validity of all certificates and signatures.
pub(crate) fn period() -> Period {
    let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let (start, end) = (instant("2026-11-22T18:00:00Z"), instant("2026-11-22T19:00:00Z"));
    Period::new(start, end).expect("an hour")
}

/// The time of all verifications.
pub(crate) fn at() -> Timestamp {
    "2026-11-22T18:03:00Z".parse().expect("an instant")
}
