//! The keys of zones, their algorithms, and their DS records and trust anchors.

use super::base::CHAIN;
use crate::case::Case;
use crate::dns::{Chain, KeyRef, PublicKey, Rdata, Record, TYPE_DNSKEY, ZoneKey};
use crate::key::KeyName;
use crate::suite::{Suite, leak};

const ALGORITHMS: &str = "chain-algorithms";
const RSA: &str = "chain-rsa-keys";
const FLAGS: &str = "chain-key-flags";
pub(super) const ZONE: &str = "example.com";
pub(super) const UNTRUSTED: &str = "dnssec-keys-untrusted";
pub(super) const UNKNOWN: &str = "dnssec-key-unknown";
pub(super) const UNUSABLE: &str = "dnssec-delegation-unusable";

pub(crate) fn add(suite: &mut Suite) {
    add_algorithms(suite);
    add_rsa(suite);
    add_flags(suite);
}

/// Returns the key-signing key of the zone, for changes.
pub(super) fn ksk(case: &mut Case) -> &mut ZoneKey {
    &mut case.recipe.chain.zones[2].keys[0]
}

pub(super) fn zsk(case: &mut Case) -> &mut ZoneKey {
    &mut case.recipe.chain.zones[2].keys[1]
}

fn set_algorithm(key: &mut ZoneKey, name: KeyName, algorithm: u8) {
    (key.key, key.algorithm) = (name, algorithm);
}

/// A case whose zone has RSA keys.
const RSA_ZONE: &str = "chain-algorithm-8";

fn add_algorithms(suite: &mut Suite) {
    for (name, shows, key, algorithm) in [
        (RSA_ZONE, "RSA with SHA-256 (RFC 5702).", "zone-rsa-2048", 8),
        ("chain-algorithm-10", "RSA with SHA-512 (RFC 5702).", "zone-rsa-2048", 10),
        ("chain-algorithm-14", "ECDSA on P-384 (RFC 6605).", "zone-p384", 14),
        ("chain-algorithm-15", "Ed25519 (RFC 8080).", "zone-ed25519", 15),
    ] {
        suite.valid(CHAIN, (name, ALGORITHMS, shows), |case| {
            set_algorithm(ksk(case), key, algorithm);
            set_algorithm(zsk(case), key, algorithm);
        });
    }
    for (algorithm, shows) in
        [(5, "RSA with SHA-1 is ignored."), (7, "RSA with SHA-1 and NSEC3 is ignored.")]
    {
        let info = (leak(format!("chain-delegation-algorithm-{algorithm}")), ALGORITHMS, shows);
        suite.invalid(RSA_ZONE, info, UNUSABLE, |case| ksk(case).algorithm = algorithm);
        let info = (leak(format!("chain-txt-algorithm-{algorithm}")), ALGORITHMS, shows);
        suite.invalid(RSA_ZONE, info, UNKNOWN, |case| zsk(case).algorithm = algorithm);
    }
    for (algorithm, shows) in [
        (3, "DSA is unknown."),
        (12, "GOST is unknown."),
        (16, "Ed448 is unknown."),
        (253, "Private algorithms are unknown."),
    ] {
        let info = (leak(format!("chain-delegation-algorithm-{algorithm}")), ALGORITHMS, shows);
        suite.invalid(CHAIN, info, UNUSABLE, |case| ksk(case).algorithm = algorithm);
        let info = (leak(format!("chain-txt-algorithm-{algorithm}")), ALGORITHMS, shows);
        suite.invalid(CHAIN, info, UNKNOWN, |case| zsk(case).algorithm = algorithm);
    }
}

fn add_rsa(suite: &mut Suite) {
    for (name, shows, key) in [
        ("chain-rsa-1024", "An RSA key of a zone may have 1024 bits.", "zone-rsa-1024"),
        ("chain-rsa-4096", "An RSA key of a zone may have 4096 bits.", "zone-rsa-4096"),
        ("chain-rsa-exponent-3", "An RSA exponent may be 3.", "zone-rsa-exponent-3"),
        (
            "chain-rsa-exponent-32-bits",
            "An RSA exponent may be just below 2^32.",
            "zone-rsa-exponent-32-bits",
        ),
        (
            "chain-rsa-exponent-2-32-1",
            "An RSA exponent may be 2^32 + 1, with which a TLD signs.",
            "zone-rsa-exponent-2-32-1",
        ),
        (
            "chain-rsa-exponent-33-bits",
            "An RSA exponent may have 33 bits.",
            "zone-rsa-exponent-33-bits",
        ),
    ] {
        suite.valid(RSA_ZONE, (name, RSA, shows), |case| {
            (ksk(case).key, zsk(case).key) = (key, key);
        });
    }
    for (name, shows, key) in [
        ("rsa-512", "An RSA key of 512 bits is ignored.", "zone-rsa-512"),
        ("rsa-768", "An RSA key of 768 bits is ignored.", "zone-rsa-768"),
        (
            "rsa-exponent-34-bits",
            "An RSA key with an exponent above 33 bits is ignored.",
            "zone-rsa-exponent-34-bits",
        ),
    ] {
        let info = (leak(format!("chain-ksk-{name}")), RSA, shows);
        suite.invalid(RSA_ZONE, info, UNTRUSTED, |case| ksk(case).key = key);
        let info = (leak(format!("chain-zsk-{name}")), RSA, shows);
        suite.invalid(RSA_ZONE, info, UNKNOWN, |case| zsk(case).key = key);
    }
    for (name, shows, octets) in [
        ("chain-rsa-key-empty", "An RSA key that is empty is ignored.", Vec::new()),
        (
            "chain-rsa-key-cut",
            "An RSA key that ends within its exponent is ignored.",
            vec![3, 1, 0],
        ),
    ] {
        let info = (name, RSA, shows);
        suite.invalid(RSA_ZONE, info, UNKNOWN, |case| {
            zsk(case).public_key = PublicKey::Octets(octets.into());
        });
    }
}

fn add_flags(suite: &mut Suite) {
    let info = (
        "chain-ksk-without-sep",
        FLAGS,
        "A key that a delegation names need not be a secure entry point.",
    );
    suite.valid(CHAIN, info, |case| ksk(case).flags = ZoneKey::ZSK);
    let info = ("chain-revoked-beside", FLAGS, "A revoked key beside valid ones is ignored.");
    suite.valid(CHAIN, info, |case| {
        add_key(&mut case.recipe.chain, ZoneKey::new("sub", ZoneKey::KSK | ZoneKey::REVOKE));
    });
    for (name, shows, flags) in [
        ("revoked", "A revoked key is ignored.", ZoneKey::KSK | ZoneKey::REVOKE),
        ("not-of-zone", "A key without the zone flag is ignored.", 1),
        ("no-flags", "A key without any flag is ignored.", 0),
    ] {
        let info = (leak(format!("chain-ksk-{name}")), FLAGS, shows);
        suite.invalid(CHAIN, info, UNTRUSTED, |case| ksk(case).flags = flags);
        let info = (leak(format!("chain-zsk-{name}")), FLAGS, shows);
        suite.invalid(CHAIN, info, UNKNOWN, |case| zsk(case).flags = flags);
    }
    for (name, protocol) in [("2", 2), ("255", 255)] {
        let shows = "A key with another protocol than 3 is ignored.";
        let info = (leak(format!("chain-ksk-protocol-{name}")), FLAGS, shows);
        suite.invalid(CHAIN, info, UNTRUSTED, |case| ksk(case).protocol = protocol);
        let info = (leak(format!("chain-zsk-protocol-{name}")), FLAGS, shows);
        suite.invalid(CHAIN, info, UNKNOWN, |case| zsk(case).protocol = protocol);
    }
}

/// Adds a key to the zone and its DNSKEY response.
pub(super) fn add_key(chain: &mut Chain, key: ZoneKey) {
    chain.zones[2].keys.push(key);
    let key = chain.zones[2].keys.len() - 1;
    let record = Record::new(ZONE, Rdata::Dnskey(KeyRef { zone: 2, key }));
    chain.message(ZONE, TYPE_DNSKEY).answer.insert(0, record);
}
