//! Token bundles of organisations under a mock DNS root.

pub(crate) mod exchange;

use http::HeaderValue;
use kliento_core::{Period, SERVICE, Timestamp, Token, TokenBundle};
use veraid::testing::MockMember;

/// Returns the period between two instants.
pub(crate) fn period(start: &str, end: &str) -> Period {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    Period::new(instant(start), instant(end)).unwrap()
}

/// Returns the octets of a token bundle by a member.
pub(crate) fn sign(member: &MockMember, token: &Token, period: Period) -> Vec<u8> {
    member.sign(token.to_json().as_bytes(), &SERVICE.parse().unwrap(), period).unwrap()
}

/// Returns the header value of a bundle.
pub(crate) fn credentials(octets: Vec<u8>) -> HeaderValue {
    let bundle = TokenBundle::from_bytes(octets).unwrap();
    bundle.to_authorization().try_into().unwrap()
}
