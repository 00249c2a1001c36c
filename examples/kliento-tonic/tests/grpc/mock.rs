//! Bundles of any size, under a mock DNS root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kliento::issue::{MemberIdBundle, TokenRequest};
use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle, TrustAnchor};
use veraid::testing::{MockEnvironment, MockMember};

use crate::reference::{AUDIENCE, INSTANT};

/// A member of a mock organisation.
pub(crate) struct Mock {
    member: MockMember,
    pub(crate) trust_anchors: Vec<TrustAnchor>,
}

impl Mock {
    pub(crate) fn new() -> Self {
        let world = MockEnvironment::new(period()).unwrap();
        let member = world.organisation("example.org").unwrap().member("carol").unwrap();
        Self { member, trust_anchors: world.trust_anchors().unwrap() }
    }

    /// A token bundle of exactly so many octets.
    pub(crate) fn bundle(&self, octets: usize) -> TokenBundle {
        let id = self.member.id_bundle().unwrap();
        let id = MemberIdBundle::from_der(&id).unwrap();
        let sign = |token: &Token| {
            TokenRequest::new(token, period()).sign_by_member(&id, self.member.key()).unwrap()
        };
        let bundle = sign(&self.token(octets));
        assert_eq!(bundle.as_bytes().len(), octets);
        bundle
    }

    /// The header's value for a bundle of exactly so many octets, however many.
    pub(crate) fn authorization(&self, octets: usize) -> String {
        let bundle = self.sign(&self.token(octets));
        assert_eq!(bundle.len(), octets);
        format!("Kliento {}", STANDARD.encode(bundle))
    }

    /// A token whose bundle has so many octets, by the length of a claim.
    fn token(&self, octets: usize) -> Token {
        let token = |padding| Token::new(AUDIENCE).with_claim("padding", "x".repeat(padding));
        let mut padding = 0;
        // A longer claim can make DER's lengths longer, so the first guess may be off by some.
        loop {
            let size = self.sign(&token(padding)).len();
            if size == octets {
                return token(padding);
            }
            padding = (padding + octets).checked_sub(size).expect("no smaller than its proofs");
        }
    }

    /// Signs as it is, where `kliento` would refuse what is too large.
    fn sign(&self, token: &Token) -> Vec<u8> {
        let service = SERVICE.parse().unwrap();
        self.member.sign(token.to_json().as_bytes(), &service, period()).unwrap()
    }
}

/// When everything holds.
fn period() -> Period {
    let start: Timestamp = INSTANT.parse().unwrap();
    Period::new(start, "2026-11-22T19:00:00Z".parse().unwrap()).unwrap()
}
