//! Rejected keys and DS records.

use veraid::DnssecError;
use veraid::testing::{MockKey, ZoneAlgorithm, rtype};

use super::signature;
use crate::{
    AT, DELEGATION, DISPLAYED_OWNER, DISPLAYED_ZONE, KEYS, OWNER, RSA_1000, TEXT, alter_set,
    alter_zone, dns, error_of, instant, key, period, verify_at,
};

#[test]
fn rejects_unsupported_ds_records() {
    let unusable = DnssecError::UnusableDelegation { zone: DISPLAYED_ZONE.to_owned() };
    let sha1 = alter_zone(dns(), "example.com", |zone| zone.digest_types = vec![1]);
    assert_eq!(error_of(&sha1), unusable);
    for algorithm in [ZoneAlgorithm::RsaSha1, ZoneAlgorithm::RsaSha1Nsec3] {
        let dns = alter_zone(dns(), "example.com", |zone| zone.keys = vec![key(algorithm)]);
        assert_eq!(error_of(&dns), unusable);
    }
    for algorithm in [1, 3, 6, 12, 16, 253, 254] {
        let dns = alter_zone(dns(), "example.com", |zone| zone.keys[0].algorithm = algorithm);
        assert_eq!(error_of(&dns), unusable);
    }
    for digest_type in [0, 3, 5, 255] {
        let dns = alter_set(dns(), DELEGATION, |set| set.data[0][3] = digest_type);
        assert_eq!(error_of(&dns), unusable);
    }
    let cut = alter_set(dns(), DELEGATION, |set| set.data[0].truncate(35));
    assert_eq!(error_of(&cut), unusable);
}

#[test]
fn rejects_unusable_keys() {
    let rsa = key(ZoneAlgorithm::RsaSha256);
    let mut keys = vec![
        MockKey::from_pkcs8(ZoneAlgorithm::RsaSha256, RSA_1000).unwrap(),
        // 2^33 + 17 is the smallest prime above 2^33.
        rsa.with_exponent(&[2, 0, 0, 0, 0x11]).unwrap(),
        // 256 octets, so that the length has three; some odd number has an inverse.
        (1..=255)
            .step_by(2)
            .find_map(|last| rsa.with_exponent(&[[1; 255].as_slice(), &[last]].concat()).ok())
            .unwrap(),
    ];
    assert_eq!(keys[2].public_key[..4], [0, 1, 0, 1]);
    let alterations: [fn(&mut MockKey); 6] = [
        |key| key.flags |= MockKey::REVOKE,
        |key| key.flags &= !MockKey::ZONE,
        |key| key.protocol = 2,
        |key| key.public_key.truncate(63),
        |key| key.public_key.push(0),
        |key| key.public_key.clear(),
    ];
    for alter in alterations {
        let mut key = key(ZoneAlgorithm::EcdsaP256Sha256);
        alter(&mut key);
        keys.push(key);
    }
    for name in [".", DISPLAYED_ZONE] {
        for key in &keys {
            let expected = vec![key.key_tag()];
            let dns = alter_zone(dns(), name, |zone| zone.keys = vec![key.clone()]);
            let zone = name.to_owned();
            let rejected = DnssecError::UntrustedKeys { zone, expected, found: vec![] };
            assert_eq!(error_of(&dns), rejected);
        }
    }
}

#[test]
fn rejects_keys_without_ds_record() {
    let dns = dns();
    let delegation = dns.rrset("example.com", rtype::DS).unwrap().unwrap();
    let old = dns.clone().zone_mut("example.com").unwrap().keys[0].key_tag();
    let new = key(ZoneAlgorithm::EcdsaP256Sha256);
    let same_tag = new.forged(old).unwrap();
    for key in [new, same_tag] {
        let found = vec![key.key_tag()];
        let dns = dns.clone().with_rrset(delegation.clone()).unwrap();
        let dns = alter_zone(dns, "example.com", |zone| zone.keys = vec![key]);
        let zone = DISPLAYED_ZONE.to_owned();
        assert_eq!(error_of(&dns), DnssecError::UntrustedKeys { zone, expected: vec![old], found });
    }
}

#[test]
fn rejects_keys_with_another_algorithm_than_the_ds_record() {
    // RSA/SHA-512: the tag and the digest match.
    let dns = alter_set(dns(), DELEGATION, |set| set.data[0][2] = 10);
    let tag = vec![dns.clone().zone_mut("example.com").unwrap().keys[0].key_tag()];
    let (zone, found) = (DISPLAYED_ZONE.to_owned(), tag.clone());
    assert_eq!(error_of(&dns), DnssecError::UntrustedKeys { zone, expected: tag, found });
}

#[test]
fn rejects_keys_not_signed_by_a_trusted_key() {
    let other = key(ZoneAlgorithm::EcdsaP256Sha256).into_zone_signing_key();
    let found = other.key_tag();
    let dns = alter_zone(dns(), "example.com", |zone| zone.standby_keys.push(other.clone()));
    let dns = alter_set(dns, KEYS, |set| {
        set.signatures.clear();
        set.sign_with(&other, "example.com", period()).unwrap();
    });
    let rejected =
        DnssecError::UnknownKey { owner: DISPLAYED_ZONE.to_owned(), record_type: "DNSKEY", found };
    assert_eq!(error_of(&dns), rejected);
}

#[test]
fn rejects_signatures_by_unpublished_keys() {
    let other = key(ZoneAlgorithm::EcdsaP256Sha256);
    let found = other.key_tag();
    let dns = alter_set(dns(), TEXT, |set| {
        set.signatures.clear();
        set.sign_with(&other, "example.com", period()).unwrap();
    });
    let rejected =
        DnssecError::UnknownKey { owner: DISPLAYED_OWNER.to_owned(), record_type: "TXT", found };
    assert_eq!(error_of(&dns), rejected);
}

#[test]
fn rejects_signatures_with_another_algorithm_than_the_key() {
    for (set, owner, record_type) in
        [(TEXT, DISPLAYED_OWNER, "TXT"), (KEYS, DISPLAYED_ZONE, "DNSKEY")]
    {
        let (dns, owner) = (dns(), owner.to_owned());
        let found = dns.rrset(set.0, set.1).unwrap().unwrap().signatures[0].key_tag;
        let rejected = DnssecError::UnknownKey { owner, record_type, found };
        for algorithm in [8, 14, 16] {
            let dns = alter_set(dns.clone(), set, |set| set.signatures[0].algorithm = algorithm);
            assert_eq!(error_of(&dns), rejected);
        }
    }
}

#[test]
fn rejects_signatures_by_revoked_keys() {
    let mut revoked = key(ZoneAlgorithm::Ed25519);
    revoked.flags |= MockKey::REVOKE;
    let found = revoked.key_tag();
    let dns = alter_zone(dns(), "example.com", |zone| zone.standby_keys.push(revoked.clone()));
    let dns = alter_set(dns, TEXT, |set| {
        set.signatures.clear();
        set.sign_with(&revoked, "example.com", period()).unwrap();
    });
    let rejected =
        DnssecError::UnknownKey { owner: DISPLAYED_OWNER.to_owned(), record_type: "TXT", found };
    assert_eq!(error_of(&dns), rejected);
}

#[test]
fn rejects_signatures_by_another_zone() {
    // Each with a valid key of that zone.
    for (set, displayed_owner, record_type, expected, found) in [
        (TEXT, DISPLAYED_OWNER, "TXT", DISPLAYED_ZONE, "com."),
        (TEXT, DISPLAYED_OWNER, "TXT", DISPLAYED_ZONE, "."),
        (DELEGATION, DISPLAYED_ZONE, "DS", "com.", DISPLAYED_ZONE),
        (DELEGATION, DISPLAYED_ZONE, "DS", "com.", "."),
        (KEYS, DISPLAYED_ZONE, "DNSKEY", DISPLAYED_ZONE, "com."),
        (("com", rtype::DS), "com.", "DS", ".", "com."),
    ] {
        let key = dns().zone_mut(found).unwrap().keys[0].clone();
        let mut dns = dns();
        dns.zone_mut(found).unwrap().keys = vec![key.clone()];
        let dns = alter_set(dns, set, |set| {
            set.signatures.clear();
            set.sign_with(&key, found, period()).unwrap();
        });
        let (owner, expected, found) =
            (displayed_owner.to_owned(), expected.to_owned(), found.to_owned());
        assert_eq!(error_of(&dns), DnssecError::Signer { owner, record_type, expected, found });
    }
}

#[test]
fn tries_four_keys_per_tag() {
    // In the order of verification, by their exponents.
    let mut keys = vec![key(ZoneAlgorithm::RsaSha256)];
    for _ in 0..4 {
        keys.push(keys.last().unwrap().colliding().unwrap());
    }
    for (bad, is_good) in [(3, true), (4, false)] {
        let dns = alter_zone(dns(), "com", |zone| {
            zone.keys = vec![keys[bad].clone()];
            zone.standby_keys = keys[..bad].to_vec();
        });
        match verify_at(&dns, OWNER, instant(AT)) {
            Ok(_) => assert!(is_good),
            Err(rejected) => {
                assert_eq!(rejected, signature(DISPLAYED_ZONE, "DS"));
                assert!(!is_good);
            }
        }
    }
}
