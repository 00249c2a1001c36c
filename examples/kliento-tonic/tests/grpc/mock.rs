//! Bundles of any size, under a mock DNS root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kliento::issue::{MemberIdBundle, TokenRequest};
use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle, TrustAnchor};
use veraid::testing::{MockEnvironment, MockMember};

use crate::reference::{AUDIENCE, INSTANT};

/// A member of a mock organisation.
pub(crate) struct MockSigner {
    member: MockMember,
    pub(crate) trust_anchors: Vec<TrustAnchor>,
}

impl MockSigner {
    pub(crate) fn new() -> Self {
        let environment = MockEnvironment::new(period()).unwrap();
        let member = environment.organisation("example.org").unwrap().member("carol").unwrap();
        Self { member, trust_anchors: environment.trust_anchors().unwrap() }
    }

    /// Signs a token bundle of exactly this size.
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

    /// Returns the header value of a bundle of exactly this size, which may exceed the maximum.
    pub(crate) fn authorization(&self, octets: usize) -> String {
        let bundle = self.sign(&self.token(octets));
        assert_eq!(bundle.len(), octets);
        format!("Kliento {}", STANDARD.encode(bundle))
    }

    /// Returns a token whose bundle has this size, by padding a claim.
    fn token(&self, octets: usize) -> Token {
        let token = |padding| Token::new(AUDIENCE).with_claim("padding", "x".repeat(padding));
        let mut padding = 0;
        // A longer claim can lengthen DER length fields, so the first guess may be slightly off.
        loop {
            let size = self.sign(&token(padding)).len();
            if size == octets {
                return token(padding);
            }
            padding = (padding + octets).checked_sub(size).expect("larger than the proofs");
        }
    }

    /// Signs without the size limit of `kliento`.
    fn sign(&self, token: &Token) -> Vec<u8> {
        let service = SERVICE.parse().unwrap();
        self.member.sign(token.to_json().as_bytes(), &service, period()).unwrap()
    }
}

/// The period of all records and signatures.
fn period() -> Period {
    let start: Timestamp = INSTANT.parse().unwrap();
    Period::new(start, "2026-11-22T19:00:00Z".parse().unwrap()).unwrap()
}
