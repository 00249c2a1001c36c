//! Workloads whose bundles are verified under a mock DNS root.

// Each test binary uses only a part of it.
#![allow(dead_code, reason = "shared by several tests")]

use http::HeaderValue;
use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle};
use kliento_tower::{KlientoAuthLayer, clock_fn};
use veraid::testing::{MockEnvironment, MockMember};

const AUDIENCE: &str = "https://api.example.com";

/// Mock organisations whose members sign tokens for this service.
pub(crate) struct Workloads(MockEnvironment);

impl Workloads {
    pub(crate) fn new() -> Self {
        Self(MockEnvironment::new(period()).unwrap())
    }

    /// Returns a layer that verifies their token bundles.
    pub(crate) fn layer(&self) -> KlientoAuthLayer {
        let anchors: kliento_tower::TrustAnchors = self.0.trust_anchors().unwrap().into();
        KlientoAuthLayer::new(AUDIENCE)
            .with_trust_anchors(anchors)
            .with_clock(clock_fn(|| Some(period().start())))
            .with_passthrough_scheme(HeaderValue::from_static(r#"Bearer realm="people""#))
    }

    /// Returns the `Authorization` value of a member.
    pub(crate) fn member(&self, name: &str, organisation: &str) -> String {
        sign(&self.0.organisation(organisation).unwrap().member(name).unwrap())
    }

    /// Returns the `Authorization` value of the organisation's bot.
    pub(crate) fn bot(&self, organisation: &str) -> String {
        sign(&self.0.organisation(organisation).unwrap().bot().unwrap())
    }
}

fn sign(member: &MockMember) -> String {
    let token = Token::new(AUDIENCE).with_claim("permission", "read-only");
    let service = SERVICE.parse().unwrap();
    let octets = member.sign(token.to_json().as_bytes(), &service, period()).unwrap();
    TokenBundle::from_bytes(octets).unwrap().to_authorization()
}

fn period() -> Period {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    Period::new(instant("2026-11-22T18:00:00Z"), instant("2026-11-22T19:00:00Z")).unwrap()
}
