//! Organisations under a mock DNS root, and the bundles of their agents.

use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle};
use veraid::testing::MockEnvironment;

use crate::AUDIENCE;

pub(crate) const NOW: &str = "2026-11-22T18:03:00Z";

pub(crate) struct Organisations(MockEnvironment);

impl Organisations {
    pub(crate) fn new() -> Self {
        Self(MockEnvironment::new(period()).unwrap())
    }

    /// Returns the root's key as a DS record.
    pub(crate) fn trust_anchor(&self) -> String {
        self.0.trust_anchors().unwrap()[0].to_string()
    }

    /// Returns the credentials of an agent that may order up to an amount.
    pub(crate) fn agent(&self, organisation: &str, name: &str, max_amount: u32) -> String {
        let token = Token::new(AUDIENCE).with_claim("max_amount", max_amount.to_string());
        self.sign(organisation, name, &token)
    }

    pub(crate) fn sign(&self, organisation: &str, name: &str, token: &Token) -> String {
        let member = self.0.organisation(organisation).unwrap().member(name).unwrap();
        let service = SERVICE.parse().unwrap();
        let octets = member.sign(token.to_json().as_bytes(), &service, period()).unwrap();
        TokenBundle::from_bytes(octets).unwrap().to_authorization()
    }
}

fn period() -> Period {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    Period::new(instant("2026-11-22T18:00:00Z"), instant("2026-11-22T19:00:00Z")).unwrap()
}
