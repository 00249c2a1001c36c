//! All algorithms, digest types and key roles.

use veraid::testing::{MockKey, ResponseForm, ZoneAlgorithm};

use super::{OWNER, RSA_1024, assert_valid, dns, key, zone};

pub(crate) const VERIFIABLE: [ZoneAlgorithm; 5] = [
    ZoneAlgorithm::RsaSha256,
    ZoneAlgorithm::RsaSha512,
    ZoneAlgorithm::EcdsaP256Sha256,
    ZoneAlgorithm::EcdsaP384Sha384,
    ZoneAlgorithm::Ed25519,
];

#[test]
fn verifies_every_algorithm_in_root_and_child() {
    for algorithm in VERIFIABLE {
        for name in [".", "example.com"] {
            let dns = dns().with_zone(zone(name).with_keys([key(algorithm)])).unwrap();
            assert_valid(&dns, OWNER, "example.com.");
        }
    }
}

#[test]
fn verifies_rsa_from_1024_to_4096_bits() {
    for algorithm in [ZoneAlgorithm::RsaSha256, ZoneAlgorithm::RsaSha512] {
        for key in [
            MockKey::from_pkcs8(algorithm, RSA_1024).unwrap(),
            MockKey::generate_rsa(algorithm, 3072).unwrap(),
            MockKey::generate_rsa(algorithm, 4096).unwrap(),
        ] {
            let dns = dns().with_zone(zone("com").with_keys([key])).unwrap();
            assert_valid(&dns, OWNER, "example.com.");
        }
    }
}

#[test]
fn verifies_rsa_exponents_up_to_33_bits() {
    let rsa = key(ZoneAlgorithm::RsaSha256);
    // Primes, so that they have a private exponent.
    for exponent in [
        [1, 0, 3].as_slice(),
        &[0xff, 0xff, 0xff, 0xfb],
        &[1, 0, 0, 0, 0x0f],
        &[1, 0xff, 0xff, 0xff, 0xf7],
    ] {
        let key = rsa.with_exponent(exponent).unwrap();
        assert!(key.to_pkcs8().is_none());
        let dns = dns().with_zone(zone("com").with_keys([key])).unwrap();
        assert_valid(&dns, OWNER, "example.com.");
    }
}

#[test]
fn verifies_separate_key_signing_keys() {
    for algorithm in VERIFIABLE {
        let keys = [key(algorithm).into_zone_signing_key(), key(algorithm)];
        let dns = dns().with_zone(zone("example.com").with_keys(keys)).unwrap();
        assert_valid(&dns, OWNER, "example.com.");
    }
}

#[test]
fn verifies_every_digest_type() {
    for digest_types in [vec![2], vec![4], vec![2, 4]] {
        let zone = zone("example.com").with_digest_types(digest_types);
        assert_valid(&dns().with_zone(zone).unwrap(), OWNER, "example.com.");
    }
}

#[test]
fn verifies_every_form_of_response() {
    for form in [ResponseForm::Resolver, ResponseForm::Reencoded] {
        assert_valid(&dns().with_form(form), OWNER, "example.com.");
    }
}

#[test]
fn round_trips_private_keys() {
    for algorithm in [ZoneAlgorithm::RsaSha256, ZoneAlgorithm::RsaSha1, ZoneAlgorithm::Ed25519] {
        let key = key(algorithm);
        let again = MockKey::from_pkcs8(algorithm, key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.dnskey_data(), key.dnskey_data());
        assert_eq!(again.sign(b"message").unwrap(), key.sign(b"message").unwrap());
    }
}
