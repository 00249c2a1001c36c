//! The chain of trust, with mock zones: what verifies, what is skipped, and what is refused.
#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod algorithms;
mod names;

use veraid::testing::{MockDns, MockError, MockKey, MockZone, ZoneAlgorithm};
use veraid::{DnssecChain, DnssecError, Period, Timestamp, TrustAnchor, TxtRecordSet};

const START: &str = "2026-01-01T00:00:00Z";
const END: &str = "2026-02-01T00:00:00Z";
const OWNER: &str = "_veraid.example.com";

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period() -> Period {
    Period::new(instant(START), instant(END)).unwrap()
}

/// The DNS of most tests: `.`, `com` and `example.com`, all of ECDSA P-256.
fn dns() -> MockDns {
    let dns = MockDns::new(period()).unwrap().with_zones(["com", "example.com"]).unwrap();
    dns.with_txt(OWNER, "text").unwrap()
}

fn key(algorithm: ZoneAlgorithm) -> MockKey {
    MockKey::generate(algorithm).unwrap()
}

fn zone(name: &str) -> MockZone {
    MockZone::new(name, period()).unwrap()
}

fn verify_at(dns: &MockDns, owner: &str, at: Timestamp) -> Result<TxtRecordSet, DnssecError> {
    verify_messages(&dns.chain(owner).unwrap(), owner, at, &dns.trust_anchors().unwrap())
}

fn verify_messages(
    messages: &[Vec<u8>],
    owner: &str,
    at: Timestamp,
    anchors: &[TrustAnchor],
) -> Result<TxtRecordSet, DnssecError> {
    DnssecChain::from_messages(messages.iter().map(Vec::as_slice))?.verify_at(owner, at, anchors)
}

/// Asserts that the chain holds in the period and not a second outside, nor under other anchors.
fn assert_holds(dns: &MockDns, owner: &str, zone: &str) {
    for at in [instant(START), instant("2026-01-15T12:00:00Z"), instant(END)] {
        let proven = verify_at(dns, owner, at).unwrap();
        assert_eq!(proven.records(), [[b"text"]]);
        assert_eq!(proven.zone(), zone);
        assert_eq!(proven.period(), period());
    }
    for at in ["2025-12-31T23:59:59Z", "2026-02-01T00:00:01Z"] {
        let refused = verify_at(dns, owner, instant(at)).unwrap_err();
        assert!(matches!(refused, DnssecError::Time { .. }), "{at}: {refused}");
    }
    let other = MockDns::new(period()).unwrap().trust_anchors().unwrap();
    let messages = dns.chain(owner).unwrap();
    let refused = verify_messages(&messages, owner, instant(START), &other).unwrap_err();
    assert!(
        matches!(&refused, DnssecError::UntrustedKeys { zone, .. } if zone == "."),
        "{refused}"
    );
}

#[test]
fn what_no_mock_can_be_is_an_error() {
    let refused = MockKey::from_pkcs8(ZoneAlgorithm::RsaSha256, b"no key").unwrap_err();
    assert!(matches!(refused, MockError::Key { algorithm: 8 }));
    let refused = MockKey::generate_rsa(ZoneAlgorithm::RsaSha512, 1024).unwrap_err();
    assert!(matches!(refused, MockError::Key { algorithm: 10 }));
    let refused = MockDns::new(period()).unwrap().with_txt("a..b", "text").unwrap_err();
    assert!(matches!(refused, MockError::Name(name) if name == "a..b"));
    let refused = dns().with_txt(OWNER, &"a".repeat(256)).unwrap_err();
    assert!(matches!(refused, MockError::TooLong("character-string")));
    let refused = dns().zone_mut("org").unwrap_err();
    assert!(matches!(refused, MockError::NoZone(name) if name == "org"));
    let century = Period::new(instant(START), instant("2126-01-01T00:00:00Z")).unwrap();
    let refused = MockDns::new(century).unwrap().chain(OWNER).unwrap_err();
    assert!(matches!(refused, MockError::Period(period) if period == century));
}
