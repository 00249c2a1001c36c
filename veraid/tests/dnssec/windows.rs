//! The validity of signatures: of each RRset, in seconds modulo 2^32.

use veraid::testing::{MockDns, MockRrset, rtype};
use veraid::{DnssecError, Period};

use super::{
    AT, DELEGATION, DISPLAYED_OWNER, DISPLAYED_ZONE, END, KEYS, OWNER, START, TEXT, alter_set, dns,
    error_of, instant, period, verify_at,
};

#[test]
fn intersects_validity_of_required_rrsets() {
    let (later, sooner) = (instant("2026-01-10T00:00:00Z"), instant("2026-01-20T00:00:00Z"));
    let narrowed = Period::new(later, sooner).unwrap();
    for (set, narrower) in [
        (TEXT, Period::new(later, instant(END)).unwrap()),
        (KEYS, Period::new(instant(START), sooner).unwrap()),
        (DELEGATION, narrowed),
        ((".", rtype::DNSKEY), narrowed),
        (("com", rtype::DS), narrowed),
    ] {
        let dns = alter_set(dns(), set, |set| set.signatures[0].set_period(narrower).unwrap());
        let proven = verify_at(&dns, OWNER, instant("2026-01-15T00:00:00Z")).unwrap();
        assert_eq!(proven.period(), narrower);
    }
}

#[test]
fn uses_signature_that_expires_last() {
    let short = Period::new(instant(START), instant("2026-01-20T00:00:00Z")).unwrap();
    let dns = alter_set(dns(), TEXT, |set| {
        let mut signature = set.signatures[0].clone();
        signature.set_period(short).unwrap();
        set.signatures.insert(0, signature);
    });
    assert_eq!(verify_at(&dns, OWNER, instant(START)).unwrap().period(), period());
}

#[test]
fn verifies_times_beyond_2106() {
    for (start, end) in [
        ("2106-02-07T06:28:00Z", "2106-02-07T06:28:31Z"),
        ("2150-01-01T00:00:00Z", "2150-06-01T00:00:00Z"),
        ("1969-12-31T00:00:00Z", "1970-01-02T00:00:00Z"),
    ] {
        let period = Period::new(instant(start), instant(end)).unwrap();
        let dns = MockDns::new(period).unwrap().with_zones(["com", "example.com"]).unwrap();
        let dns = dns.with_txt(OWNER, "text").unwrap();
        for at in [start, end] {
            assert_eq!(verify_at(&dns, OWNER, instant(at)).unwrap().period(), period);
        }
        let second = std::time::Duration::from_secs(1);
        assert!(verify_at(&dns, OWNER, instant(start) - second).is_err());
        assert!(verify_at(&dns, OWNER, instant(end) + second).is_err());
    }
}

#[test]
fn rejects_signatures_outside_validity() {
    for (set, owner, record_type) in [
        (TEXT, DISPLAYED_OWNER, "TXT"),
        (DELEGATION, DISPLAYED_ZONE, "DS"),
        (KEYS, DISPLAYED_ZONE, "DNSKEY"),
        ((".", rtype::DNSKEY), ".", "DNSKEY"),
        (("com", rtype::DS), "com.", "DS"),
    ] {
        for (start, end) in [
            ("2026-01-01T00:00:00Z", "2026-01-15T11:59:59Z"),
            ("2026-01-15T12:00:01Z", "2026-02-01T00:00:00Z"),
        ] {
            let validity = Period::new(instant(start), instant(end)).unwrap();
            let alter = |set: &mut MockRrset| {
                set.signatures[0].set_period(validity).unwrap();
            };
            let at = instant(AT);
            let rejected =
                DnssecError::OutsideValidity { owner: owner.to_owned(), record_type, at, validity };
            assert_eq!(error_of(&alter_set(dns(), set, alter)), rejected);
        }
    }
}

#[test]
fn rejects_inverted_validity() {
    let dns = alter_set(dns(), TEXT, |set| {
        let signature = &mut set.signatures[0];
        std::mem::swap(&mut signature.inception, &mut signature.expiration);
    });
    assert_eq!(error_of(&dns), mismatch());
}

#[test]
fn rejects_ambiguous_serial_times() {
    let now = u32::try_from(instant(AT).as_second()).unwrap();
    for offset in [1 << 31, (1 << 31) + 1] {
        let dns = alter_set(dns(), TEXT, |set| {
            set.signatures[0].expiration = now.wrapping_add(offset);
        });
        assert_eq!(error_of(&dns), mismatch());
    }
    let half_before = alter_set(dns(), TEXT, |set| {
        set.signatures[0].inception = now.wrapping_sub(1 << 31);
    });
    assert_eq!(error_of(&half_before), mismatch());
    // One second less is unambiguous.
    let farthest = alter_set(dns(), TEXT, |set| {
        set.signatures[0].inception = now.wrapping_sub((1 << 31) - 1);
        set.signatures[0].expiration = now.wrapping_add((1 << 31) - 1);
    });
    verify_at(&farthest, OWNER, instant(AT)).unwrap();
}

fn mismatch() -> DnssecError {
    DnssecError::Signature { owner: DISPLAYED_OWNER.to_owned(), record_type: "TXT" }
}
