//! RRsets with many invalid signatures by expensive keys, all of which are checked.
//!
//! The owner of any domain can publish them: the parent only signs a digest of one of the keys.

use veraid::testing::{MockKey, MockRecord, MockZone, ResponseForm, ZoneAlgorithm, rtype};
use veraid::{KeyAlgorithm, Limits};

use super::messages::filled;
use super::{Named, chain, compose};
use crate::Bundle;
use crate::mock::{Mock, period};

const LARGEST_EXPONENT: [u8; 5] = [1, 0xff, 0xff, 0xff, 0xff];
const USUAL_EXPONENT: [u8; 3] = [1, 0, 1];

/// The parameters of an attack.
struct Attack {
    /// The additional keys of the zone.
    keys: Vec<MockKey>,
    /// The number of signatures per key tag.
    signatures: usize,
    /// The length of each signature in octets.
    octets: usize,
    /// The number of additional TXT records of 256 octets.
    records: u8,
    /// The number of additional inception times.
    instants: usize,
}

pub(super) fn all(mock: &Mock) -> Vec<Named> {
    let rsa = MockKey::generate_rsa(ZoneAlgorithm::RsaSha256, 4096).expect("a key");
    let rsa = |octets, exponent: &[u8]| Attack {
        keys: colliding_keys(&rsa, octets, exponent),
        signatures: Limits::SIGNATURES_PER_SET,
        octets,
        records: 0,
        instants: 0,
    };
    let curve = |algorithm, octets| Attack {
        keys: curve_keys(algorithm),
        signatures: 1,
        octets,
        records: 0,
        instants: 0,
    };
    let (p384, ed25519) = (ZoneAlgorithm::EcdsaP384Sha384, ZoneAlgorithm::Ed25519);
    let instants = Limits::INSTANTS - 2;
    let attacks = [
        ("RSA-4096, exponent 2^33 - 1", rsa(512, &LARGEST_EXPONENT)),
        // The library is slow for this number of limbs.
        ("RSA-4000", rsa(500, &USUAL_EXPONENT)),
        ("RSA-4000, exponent 2^33 - 1", rsa(500, &LARGEST_EXPONENT)),
        ("RSA-2048, exponent 3", rsa(256, &[3])),
        ("RSA-1024, exponent 3, 8 KB of records", Attack { records: 32, ..rsa(128, &[3]) }),
        ("ECDSA P-384", curve(p384, 96)),
        ("Ed25519, 6 KB of records", Attack { records: 24, ..curve(ed25519, 64) }),
        ("RSA-2048, exponent 3, instants", Attack { instants, ..rsa(256, &[3]) }),
        ("Ed25519, instants", Attack { instants, ..curve(ed25519, 64) }),
        ("Ed25519, 2 KB, instants", Attack { instants, records: 8, ..curve(ed25519, 64) }),
        ("Ed25519, 6 KB, instants", Attack { instants, records: 24, ..curve(ed25519, 64) }),
    ];
    let mut all: Vec<_> =
        attacks.into_iter().map(|(name, attack)| (name, attack.on(mock))).collect();
    all.push(("zones with P-384 below each other", deep_zones(mock)));
    all
}

/// Returns the maximum number of keys with the same tag, with random moduli of this length.
fn colliding_keys(rsa: &MockKey, octets: usize, exponent: &[u8]) -> Vec<MockKey> {
    let modulus = rsa.public_key.get(4..4 + octets).expect("the length of an exponent is 4");
    let key = |number: u8| {
        let mut key = rsa.clone();
        key.public_key = [&[exponent_length(exponent)], exponent, modulus].concat();
        // An even modulus would be rejected before any computation.
        *key.public_key.last_mut().expect("a modulus") = 2 * number + 1;
        key
    };
    let first = key(0);
    let forged = (1..).map(|number| key(number).forged(first.key_tag()).expect("a key"));
    [first.clone()].into_iter().chain(forged).take(Limits::KEYS_PER_TAG).collect()
}

fn exponent_length(exponent: &[u8]) -> u8 {
    u8::try_from(exponent.len()).expect("a short exponent")
}

/// Returns a valid key for each signature that is checked: random points are not on the curve.
fn curve_keys(algorithm: ZoneAlgorithm) -> Vec<MockKey> {
    let key = |_| MockKey::generate(algorithm).expect("a key");
    (0..Limits::SIGNATURES_PER_SET).map(key).collect()
}

impl Attack {
    /// Returns the bundle of the mock with this attack in its zone.
    fn on(&self, mock: &Mock) -> Bundle {
        let mut dns = mock.dns.clone();
        dns.zone_mut("example.com").expect("a zone").standby_keys.clone_from(&self.keys);
        let mock = Mock { dns, ..mock.clone() };
        let mut messages = chain(&mock);
        let txt = messages.last_mut().expect("a TXT message");
        let signature = txt.answer.pop().expect("a signature");
        let owner = mock.owner();
        for number in 0..self.records {
            let string = [&[number], [b'x'; 249].as_slice()].concat();
            txt.answer.push(MockRecord::txt(&owner, &[string]).expect("a record"));
        }
        let mut tags: Vec<_> = self.keys.iter().map(|key| (key.algorithm, key.key_tag())).collect();
        tags.dedup();
        for (algorithm, tag) in tags {
            for number in 0..self.signatures {
                let data = invalid_signature(&signature.data, algorithm, tag, self.octets, number);
                txt.answer.push(MockRecord::new(&owner, rtype::RRSIG, data));
            }
        }
        filled(&mock, compose(&messages), self.instants)
    }
}

/// The data of an RRSIG record (RFC 4034, 3.1) with another algorithm, key tag and signature.
fn invalid_signature(
    template: &[u8],
    algorithm: u8,
    tag: u16,
    length: usize,
    number: usize,
) -> Vec<u8> {
    // Without the template's signature by ECDSA P-256.
    let mut data = template.get(..template.len() - 64).expect("a signature").to_vec();
    data[2] = algorithm;
    data[16..18].copy_from_slice(&tag.to_be_bytes());
    // Below any modulus or order, so that it is not rejected before any computation.
    let octet = u8::try_from(number + 1).expect("few signatures");
    data.extend(vec![octet; length]);
    data
}

/// Returns a bundle whose zones are nested more deeply than the budget allows.
fn deep_zones(mock: &Mock) -> Bundle {
    let key = || MockKey::generate(ZoneAlgorithm::EcdsaP384Sha384).expect("a key");
    let mut name = "example.com".to_owned();
    let mut dns = mock.dns.clone().with_form(ResponseForm::Reencoded);
    for label in ["h", "g", "f", "e", "d", "c", "b", "a"] {
        name = format!("{label}.{name}");
        let zone = MockZone::new(&name, period()).expect("a zone").with_keys([key()]);
        dns = dns.with_zone(zone).expect("a zone");
    }
    let deep = Mock::organisation(&name, dns, KeyAlgorithm::Rsa2048);
    filled(&deep, compose(&chain(&deep)), 0)
}
