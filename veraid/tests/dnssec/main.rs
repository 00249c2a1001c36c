//! DNSSEC chains of mock zones: valid, with ignored parts, and rejected.
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
mod oracle;
mod rejected;
mod skipped;
mod windows;

use veraid::testing::{MockDns, MockError, MockKey, MockRrset, MockZone, ZoneAlgorithm, rtype};
use veraid::{DnssecChain, DnssecError, Period, Timestamp, TrustAnchor, TxtRrset};

const START: &str = "2026-01-01T00:00:00Z";
const END: &str = "2026-02-01T00:00:00Z";
/// An instant within the period.
const AT: &str = "2026-01-15T12:00:00Z";
const OWNER: &str = "_veraid.example.com";

/// The RRsets that prove the records of most tests, from the zone down.
const DELEGATION: (&str, u16) = ("example.com", rtype::DS);
const KEYS: (&str, u16) = ("example.com", rtype::DNSKEY);
const TEXT: (&str, u16) = (OWNER, rtype::TXT);

/// The names in errors.
const DISPLAYED_OWNER: &str = "_veraid.example.com.";
const DISPLAYED_ZONE: &str = "example.com.";

/// Keys of sizes that the library does not generate.
const RSA_1000: &[u8] = include_bytes!("rsa-1000.pk8");
const RSA_1024: &[u8] = include_bytes!("rsa-1024.pk8");

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period() -> Period {
    Period::new(instant(START), instant(END)).unwrap()
}

/// Returns the DNS of most tests: `.`, `com` and `example.com`, all with ECDSA P-256.
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

/// Returns the DNS with a changed zone.
fn alter_zone(mut dns: MockDns, name: &str, alter: impl FnOnce(&mut MockZone)) -> MockDns {
    alter(dns.zone_mut(name).unwrap());
    dns
}

/// Returns the DNS with an RRset that is changed before it is signed.
fn alter_set(
    dns: MockDns,
    (owner, kind): (&str, u16),
    alter: impl FnOnce(&mut MockRrset),
) -> MockDns {
    let mut set = dns.rrset(owner, kind).unwrap().unwrap();
    alter(&mut set);
    dns.with_rrset(set).unwrap()
}

fn verify_at(dns: &MockDns, owner: &str, at: Timestamp) -> Result<TxtRrset, DnssecError> {
    verify_messages(&dns.chain(owner).unwrap(), owner, at, &dns.trust_anchors().unwrap())
}

fn verify_messages(
    messages: &[Vec<u8>],
    owner: &str,
    at: Timestamp,
    anchors: &[TrustAnchor],
) -> Result<TxtRrset, DnssecError> {
    DnssecChain::from_messages(messages.iter().map(Vec::as_slice))?.verify_at(owner, at, anchors)
}

/// Returns the error of the changed DNS. The unchanged DNS is valid.
fn error_of(dns: &MockDns) -> DnssecError {
    verify_at(&crate::dns(), OWNER, instant(AT)).unwrap();
    verify_at(dns, OWNER, instant(AT)).unwrap_err()
}

/// Asserts that the chain is valid in the period, but not a second outside or with other anchors.
fn assert_valid(dns: &MockDns, owner: &str, zone: &str) {
    let (messages, anchors) = (dns.chain(owner).unwrap(), dns.trust_anchors().unwrap());
    assert_messages_valid(&messages, owner, &anchors);
    assert_eq!(verify_at(dns, owner, instant(START)).unwrap().zone(), zone);
}

/// As [`assert_valid`], for messages.
fn assert_messages_valid(messages: &[Vec<u8>], owner: &str, anchors: &[TrustAnchor]) {
    for at in [instant(START), instant(AT), instant(END)] {
        let proven = verify_messages(messages, owner, at, anchors).unwrap();
        assert_eq!(proven.records(), [[b"text"]]);
        assert_eq!(proven.period(), period());
    }
    for at in ["2025-12-31T23:59:59Z", "2026-02-01T00:00:01Z"] {
        let rejected = verify_messages(messages, owner, instant(at), anchors).unwrap_err();
        assert!(matches!(rejected, DnssecError::OutsideValidity { .. }), "{at}: {rejected}");
    }
    let other = MockDns::new(period()).unwrap().trust_anchors().unwrap();
    let rejected = verify_messages(messages, owner, instant(START), &other).unwrap_err();
    assert!(
        matches!(&rejected, DnssecError::UntrustedKeys { zone, .. } if zone == "."),
        "{rejected}"
    );
}

#[test]
fn rejects_invalid_mocks() {
    let rejected = MockKey::from_pkcs8(ZoneAlgorithm::RsaSha256, b"no key").unwrap_err();
    assert!(matches!(rejected, MockError::Key { algorithm: 8 }));
    let rejected = MockKey::generate_rsa(ZoneAlgorithm::RsaSha512, 1024).unwrap_err();
    assert!(matches!(rejected, MockError::Key { algorithm: 10 }));
    let rejected = MockDns::new(period()).unwrap().with_txt("a..b", "text").unwrap_err();
    assert!(matches!(rejected, MockError::Name(name) if name == "a..b"));
    let rejected = dns().with_txt(OWNER, &"a".repeat(256)).unwrap_err();
    assert!(matches!(rejected, MockError::TooLong("character-string")));
    let rejected = dns().zone_mut("org").unwrap_err();
    assert!(matches!(rejected, MockError::NoZone(name) if name == "org"));
    let century = Period::new(instant(START), instant("2126-01-01T00:00:00Z")).unwrap();
    let rejected = MockDns::new(century).unwrap().chain(OWNER).unwrap_err();
    assert!(matches!(rejected, MockError::Period(period) if period == century));
}
