//! Sets with many signatures by dear keys: none is right, so that each is tried.
//!
//! Whoever owns a domain can do that: the parent only signs a digest of one of the zone's keys.

use veraid::Limits;
use veraid::testing::{MockKey, MockRecord, MockZone, ZoneAlgorithm, kind};

use super::messages::filled;
use super::{Named, chain, compose};
use crate::Bundle;
use crate::mock::{Mock, period};

const LARGEST_EXPONENT: [u8; 4] = [0xff; 4];
const USUAL_EXPONENT: [u8; 3] = [1, 0, 1];

pub(super) fn all(mock: &Mock) -> Vec<Named> {
    let rsa = MockKey::generate_rsa(ZoneAlgorithm::RsaSha256, 4096).expect("a key");
    let keys = |octets, exponent: &[u8]| colliding(&rsa, octets, exponent);
    vec![
        ("4096 bits, exponent 2^32 - 1", hostile(mock, &keys(512, &LARGEST_EXPONENT), 8, 512, 0)),
        // Of a number of limbs for which libraries have no fast path.
        ("4000 bits, usual exponent", hostile(mock, &keys(500, &USUAL_EXPONENT), 8, 500, 0)),
        ("4000 bits, exponent 2^32 - 1", hostile(mock, &keys(500, &LARGEST_EXPONENT), 8, 500, 0)),
        ("2048 bits, exponent 3", hostile(mock, &keys(256, &[3]), 8, 256, 0)),
        ("2048 bits, exponent 3, 6 KB set", hostile(mock, &keys(256, &[3]), 8, 256, 24)),
        ("1024 bits, exponent 3, 8 KB set", hostile(mock, &keys(128, &[3]), 8, 128, 32)),
        ("ECDSA P-384", hostile(mock, &curve(ZoneAlgorithm::EcdsaP384Sha384), 1, 96, 0)),
        ("Ed25519, 6 KB set", hostile(mock, &curve(ZoneAlgorithm::Ed25519), 1, 64, 24)),
        ("Ed25519, 1 KB", hostile(mock, &curve(ZoneAlgorithm::Ed25519), 1, 64, 3)),
        ("Ed25519, 2 KB", hostile(mock, &curve(ZoneAlgorithm::Ed25519), 1, 64, 7)),
        ("Ed25519, 4 KB", hostile(mock, &curve(ZoneAlgorithm::Ed25519), 1, 64, 15)),
        ("2048 exponent 3, 1 KB", hostile(mock, &keys(256, &[3]), 8, 256, 3)),
        ("1024 exponent 3, 1 KB", hostile(mock, &keys(128, &[3]), 8, 128, 3)),
        ("1024 exponent 3, 3 KB", hostile(mock, &keys(128, &[3]), 8, 128, 11)),
        ("zones of P-384 all the way down", deep_zones()),
    ]
}

/// As many keys of one tag as are tried, with moduli of this length that nobody can factor.
fn colliding(rsa: &MockKey, octets: usize, exponent: &[u8]) -> Vec<MockKey> {
    let modulus = rsa.public_key.get(4..4 + octets).expect("the length of an exponent is 4");
    let key = |number: u8| {
        let mut key = rsa.clone();
        key.public_key = [&[exponent_length(exponent)], exponent, modulus].concat();
        // Odd, as moduli are; else nothing is computed.
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

/// As many keys as signatures are tried; a curve's points can't be made up.
fn curve(algorithm: ZoneAlgorithm) -> Vec<MockKey> {
    let key = |_| MockKey::generate(algorithm).expect("a key");
    (0..Limits::SIGNATURES_PER_SET).map(key).collect()
}

/// A zone with these keys beside its own, whose TXT set has some records more, and signatures of
/// this length with the tag of each key.
fn hostile(mock: &Mock, keys: &[MockKey], each: usize, length: usize, records: u8) -> Bundle {
    let zone = mock.dns.clone().zone_mut("example.com").expect("a zone").clone();
    let dns = mock.dns.clone().with_zone(zone.with_standby_keys(keys.to_vec()));
    let mock = Mock { dns: dns.expect("a zone"), ..mock.clone() };
    let mut messages = chain(&mock);
    let txt = messages.last_mut().expect("a TXT message");
    let signature = txt.answer.pop().expect("a signature");
    let owner = mock.owner();
    for number in 0..records {
        let string = [&[number], [b'x'; 249].as_slice()].concat();
        txt.answer.push(MockRecord::txt(&owner, &[string]).expect("a record"));
    }
    let mut tags: Vec<_> = keys.iter().map(|key| (key.algorithm, key.key_tag())).collect();
    tags.dedup();
    for (algorithm, tag) in tags {
        for number in 0..each {
            let data = made_up(&signature.data, algorithm, tag, length, number);
            txt.answer.push(MockRecord::new(&owner, kind::RRSIG, data));
        }
    }
    filled(&mock, compose(&messages), records % 2 == 1)
}

/// The data of an RRSIG record (RFC 4034, 3.1) with another algorithm, key tag and signature.
fn made_up(template: &[u8], algorithm: u8, tag: u16, length: usize, number: usize) -> Vec<u8> {
    // Of the template, the signature is ECDSA P-256's.
    let mut data = template.get(..template.len() - 64).expect("a signature").to_vec();
    data[2] = algorithm;
    data[16..18].copy_from_slice(&tag.to_be_bytes());
    // Below any modulus or order, so that it is not refused before it is computed with.
    let octet = u8::try_from(number + 1).expect("few signatures");
    data.extend(vec![octet; length]);
    data
}

/// As many zones below each other as the budget may pay for.
fn deep_zones() -> Bundle {
    let key = || MockKey::generate(ZoneAlgorithm::EcdsaP384Sha384).expect("a key");
    let mock = Mock::typical();
    let names = ["e.example.com", "d.e.example.com", "c.d.e.example.com", "b.c.d.e.example.com"];
    let dns = names.iter().fold(mock.dns, |dns, name| {
        let zone = MockZone::new(name, period()).expect("a zone").with_keys([key()]);
        dns.with_zone(zone).expect("a zone")
    });
    let owner = "b.c.d.e.example.com";
    Mock::organisation(owner, dns, veraid::KeyAlgorithm::Rsa2048).bundle()
}
