//! Verification over a period, compared with verification at every instant of it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use veraid::issue::{OrganisationCertificate, RsaSigner, SignatureRequest, Signer};
use veraid::testing::{MockDns, MockKey, MockZone, ZoneAlgorithm, rtype};
use veraid::{
    KeyAlgorithm, Member, ObjectIdentifier, Period, SignatureBundle, Timestamp, TrustAnchor,
    TxtRecord, Verification,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const OWNER: &str = "_veraid.example.com";
const SERVICE: &str = "1.3.6.1.4.1.58708.1.1";
/// The range of all periods, in seconds.
const SECONDS: u64 = 12;

/// A xorshift generator: the same cases in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn period(&mut self) -> Period {
        let (first, second) = (self.below(SECONDS), self.below(SECONDS));
        Period::new(second_at(first.min(second)), second_at(first.max(second))).unwrap()
    }
}

fn second_at(second: u64) -> Timestamp {
    let start: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
    start + Duration::from_secs(second)
}

/// Shared by all cases, because key generation is slow.
struct Fixture {
    organisation: RsaSigner,
    zone_key: MockKey,
    service: ObjectIdentifier,
}

struct Case {
    bundle: Vec<u8>,
    trust_anchors: Vec<TrustAnchor>,
    ttl_override: u64,
}

impl Fixture {
    fn new() -> Result<Self> {
        Ok(Self {
            organisation: RsaSigner::generate(KeyAlgorithm::Rsa2048)?,
            zone_key: MockKey::generate(ZoneAlgorithm::Ed25519)?,
            service: SERVICE.parse()?,
        })
    }

    /// Returns a bundle whose RRsets have one or two signatures with different periods.
    fn case(&self, random: &mut Random) -> Result<Case> {
        let always = Period::new(second_at(0), second_at(SECONDS)).unwrap();
        let ttl_override = 1 + random.below(SECONDS);
        let info = self.organisation.subject_public_key_info();
        let record =
            TxtRecord::new(KeyAlgorithm::Rsa2048, info, Duration::from_secs(ttl_override), None)?;
        let mut dns = MockDns::new(always)?;
        for name in [".", "example.com"] {
            let zone = MockZone::new(name, always)?.with_keys([self.zone_key.clone()]);
            dns = dns.with_zone(zone)?;
        }
        dns = dns.with_txt(OWNER, &record.to_string())?;
        for (owner, kind) in [
            (".", rtype::DNSKEY),
            ("example.com", rtype::DS),
            ("example.com", rtype::DNSKEY),
            (OWNER, rtype::TXT),
        ] {
            let mut set = dns.rrset(owner, kind)?.ok_or("missing RRset")?;
            set.signatures.extend_from_within(..usize::from(random.below(2) == 0));
            for signature in &mut set.signatures {
                signature.set_period(random.period())?;
            }
            dns = dns.with_rrset(set)?;
        }
        let hash = self.organisation.hash();
        let name = "example.com".parse()?;
        let certificate = OrganisationCertificate::prepare(&name, info, hash, always)?
            .sign(&self.organisation)?;
        let signed = random.period();
        let bundle = SignatureRequest::new(&self.service, b"text", signed)
            .by_organisation(&certificate, &dns.chain(OWNER)?, &Member::Bot, hash)?
            .sign(&self.organisation)?;
        Ok(Case { bundle: bundle.into_bytes(), trust_anchors: dns.trust_anchors()?, ttl_override })
    }
}

#[test]
fn valid_over_period_iff_valid_at_recent_instant() -> Result<()> {
    let fixture = Fixture::new()?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut valid, mut missed) = (0, 0);
    for _ in 0..400 {
        let case = fixture.case(&mut random)?;
        let bundle = SignatureBundle::from_der(&case.bundle)?;
        let verification = Verification::new(&fixture.service, &case.trust_anchors)
            .with_clock_skew(Duration::from_secs(random.below(3)))?;
        let requested = random.period();
        let oldest = requested.end() - Duration::from_secs(case.ttl_override);
        let instants: Vec<Timestamp> = (0..=SECONDS)
            .map(second_at)
            .filter(|at| requested.contains(*at) && *at >= oldest)
            .filter(|at| verification.verify_signature_at(&bundle, *at).is_ok())
            .collect();
        match verification.verify_signature_during(&bundle, requested) {
            Ok(verified) => {
                let period = verified.period();
                assert!(
                    instants.contains(&period.start()),
                    "{period} starts at an invalid instant"
                );
                assert!(instants.contains(&period.end()), "{period} ends at an invalid instant");
                valid += 1;
            }
            Err(error) => {
                assert_eq!(instants, [], "{error}");
                missed += 1;
            }
        }
    }
    assert!(valid > 40 && missed > 40, "{valid} valid, {missed} missed");
    Ok(())
}

#[test]
fn result_at_instant_is_whole_validity() -> Result<()> {
    let fixture = Fixture::new()?;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut valid = 0;
    for _ in 0..200 {
        let case = fixture.case(&mut random)?;
        let bundle = SignatureBundle::from_der(&case.bundle)?;
        let verification = Verification::new(&fixture.service, &case.trust_anchors)
            .with_clock_skew(Duration::from_secs(random.below(3)))?;
        for at in (0..=SECONDS).map(second_at) {
            let Ok(verified) = verification.verify_signature_at(&bundle, at) else { continue };
            assert!(verified.period().contains(at));
            for end in [verified.period().start(), verified.period().end()] {
                verification.verify_signature_at(&bundle, end)?;
            }
            valid += 1;
        }
    }
    assert!(valid > 40, "{valid} valid");
    Ok(())
}
