//! Invalid or redundant parts of valid chains, which are ignored.

use veraid::testing::{
    MockDns, MockKey, MockMessage, MockRecord, MockRrset, MockSignature, ZoneAlgorithm, rtype,
};
use veraid::{Period, TrustAnchor};

use super::{
    DELEGATION, KEYS, OWNER, RSA_1000, START, TEXT, alter_set, alter_zone, assert_messages_valid,
    assert_valid, dns, instant, key, verify_at,
};

fn assert_example_valid(dns: &MockDns) {
    assert_valid(dns, OWNER, "example.com.");
}

/// Keys that are unusable, but sign.
fn unusable_keys() -> Vec<MockKey> {
    let mut keys = vec![
        key(ZoneAlgorithm::RsaSha1),
        key(ZoneAlgorithm::RsaSha1Nsec3),
        MockKey::from_pkcs8(ZoneAlgorithm::RsaSha256, RSA_1000).unwrap(),
        key(ZoneAlgorithm::RsaSha256).with_exponent(&[2, 0, 0, 0, 0x11]).unwrap(),
    ];
    let alterations: [fn(&mut MockKey); 5] = [
        |key| key.flags |= MockKey::REVOKE,
        |key| key.flags &= !MockKey::ZONE,
        |key| key.protocol = 2,
        |key| key.algorithm = 16,
        |key| key.algorithm = 253,
    ];
    for alter in alterations {
        let mut key = key(ZoneAlgorithm::Ed25519);
        alter(&mut key);
        keys.push(key);
    }
    keys
}

#[test]
fn ignores_unusable_keys() {
    for unusable in unusable_keys() {
        for zone in [".", "example.com"] {
            let first = alter_zone(dns(), zone, |zone| zone.keys.insert(0, unusable.clone()));
            let last = alter_zone(dns(), zone, |zone| zone.keys.push(unusable.clone()));
            let idle = alter_zone(dns(), zone, |zone| zone.standby_keys.push(unusable.clone()));
            for dns in [first, last, idle] {
                assert_messages_valid(&dns.chain(OWNER).unwrap(), OWNER, &valid_anchors(&dns));
            }
        }
    }
}

/// Returns the anchor for the root's valid key, since some of the others cannot have an anchor.
fn valid_anchors(dns: &MockDns) -> Vec<TrustAnchor> {
    let keys = dns.clone().zone_mut(".").unwrap().keys.clone();
    let valid = keys.into_iter().filter(|key| key.algorithm == 13);
    let dns = alter_zone(dns.clone(), ".", |zone| zone.keys = valid.collect());
    dns.trust_anchors().unwrap()
}

#[test]
fn ignores_unusable_ds_records() {
    let alterations: [fn(&mut Vec<u8>); 6] = [
        |data| *data = key(ZoneAlgorithm::Ed25519).ds_data("example.com", 2).unwrap(),
        // Digests of unsupported types (3 is GOST), with the length of valid ones.
        |data| data[3] = 3,
        |data| data[3] = 255,
        // An algorithm that the key does not have, and an unassigned one.
        |data| data[2] = 8,
        |data| data[2] = 200,
        // Without a digest.
        |data| data.truncate(4),
    ];
    for alter in alterations {
        let dns = alter_set(dns(), DELEGATION, |set| {
            let mut data = set.data[0].clone();
            alter(&mut data);
            set.data.push(data);
        });
        assert_example_valid(&dns);
    }
    let sha1 = alter_zone(dns(), "example.com", |zone| zone.digest_types = vec![1, 2]);
    assert_example_valid(&sha1);
}

#[test]
fn ignores_unusable_signatures() {
    let alterations: [fn(&mut MockSignature); 8] = [
        |signature| signature.set_period(one_instant("2020-01-01T00:00:00Z")).unwrap(),
        |signature| signature.set_period(one_instant("2030-01-01T00:00:00Z")).unwrap(),
        |signature| signature.labels = signature.labels.wrapping_sub(1),
        |signature| signature.labels += 1,
        |signature| signature.signer = "com".to_owned(),
        |signature| signature.key_tag ^= 1,
        |signature| signature.algorithm = 16,
        |signature| signature.key = key(ZoneAlgorithm::EcdsaP256Sha256),
    ];
    for set in [TEXT, KEYS, DELEGATION, (".", rtype::DNSKEY)] {
        for alter in &alterations {
            for position in [0, 1] {
                let dns = alter_set(dns(), set, |set| {
                    let mut signature = set.signatures[0].clone();
                    alter(&mut signature);
                    set.signatures.insert(position, signature);
                });
                assert_example_valid(&dns);
            }
        }
    }
}

fn one_instant(text: &str) -> Period {
    Period::at(instant(text))
}

#[test]
fn ignores_duplicates_and_order() {
    let dns = dns().with_txt(OWNER, "another").unwrap();
    let set = dns.rrset(OWNER, rtype::TXT).unwrap().unwrap();
    let data: Vec<_> = [0, 1, 1, 0, 1].map(|index| set.data[index].clone()).into();
    let mut twice = MockRrset { data, ..set };
    twice.signatures.push(twice.signatures[0].clone());
    let dns = dns.with_rrset(twice).unwrap();
    let proven = verify_at(&dns, OWNER, instant(START)).unwrap();
    assert_eq!(proven.records(), [[b"text".to_vec()], [b"another".to_vec()]]);

    let mut messages = super::dns().chain_messages(OWNER).unwrap();
    messages.reverse();
    assert_altered_valid(messages, |message| message.answer.reverse());
}

/// Asserts that the chain of the messages is valid when each of them is changed.
fn assert_altered_valid(mut messages: Vec<MockMessage>, alter: impl Fn(&mut MockMessage)) {
    let key = messages.iter().find(|message| message.questions[0].owner == ".").unwrap();
    let anchors = root_anchors(key);
    messages.iter_mut().for_each(alter);
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    assert_messages_valid(&messages, OWNER, &anchors);
}

/// Returns the anchor for the only key of the root, from its response.
fn root_anchors(root: &MockMessage) -> Vec<TrustAnchor> {
    let data = &root.answer.iter().find(|record| record.rtype == rtype::DNSKEY).unwrap().data;
    let mut key = key(ZoneAlgorithm::EcdsaP256Sha256);
    key.public_key = data[4..].to_vec();
    let ds = key.ds_data(".", 2).unwrap();
    vec![TrustAnchor::new(key.key_tag(), 13, 2, ds[4..].to_vec()).unwrap()]
}

#[test]
fn ignores_unsigned_parts() {
    let alterations: [fn(&mut MockMessage); 9] = [
        |message| message.id = 0xbeef,
        |message| message.flags = 0,
        |message| message.is_compressed = false,
        |message| message.answer.iter_mut().for_each(|record| record.ttl = 7),
        |message| message.answer.iter_mut().for_each(|record| record.owner.make_ascii_uppercase()),
        |message| message.questions[0].owner.make_ascii_uppercase(),
        |message| message.additional.clear(),
        |message| {
            let Some(record) = message.answer.first().cloned() else { return };
            let chaos = MockRecord { class: 3, data: vec![1, 2, 3, 4], ..record };
            let owner = format!("x.{}", chaos.owner.trim_start_matches('.'));
            let unrelated = MockRecord { class: 1, owner, ..chaos.clone() };
            message.answer.splice(0..0, [chaos, unrelated]);
        },
        |message| {
            let address = MockRecord::new(&message.questions[0].owner, 1, vec![127, 0, 0, 1]);
            message.answer.insert(0, address.clone());
            message.authority.push(address.clone());
            message.additional.push(address);
        },
    ];
    for alter in alterations {
        assert_altered_valid(dns().chain_messages(OWNER).unwrap(), alter);
    }
}

#[test]
fn ignores_case_of_signer() {
    let dns = alter_set(dns(), TEXT, |set| set.signatures[0].signer = "EXAMPLE.Com".to_owned());
    assert_example_valid(&dns);
}

#[test]
fn does_not_require_empty_responses() {
    let mut messages = dns().chain_messages(OWNER).unwrap();
    messages.retain(|message| !message.answer.is_empty());
    assert_eq!(messages.len(), 6);
    assert_altered_valid(messages, |_| ());
}

#[test]
fn ignores_redundant_messages() {
    let dns = dns();
    for extra in [
        MockMessage::response(".", rtype::DS),
        MockMessage::response(".", rtype::DNSKEY).with_response_code(2),
        MockMessage::response("com", rtype::DNSKEY).with_response_code(2),
        MockMessage::response("com", rtype::DS).with_response_code(5),
        MockMessage::response(OWNER, 1),
        MockMessage::response("example.com", rtype::TXT),
        dns.response("com", rtype::DNSKEY).unwrap(),
    ] {
        for position in [0, 7] {
            let mut messages = dns.chain_messages(OWNER).unwrap();
            messages.insert(position, extra.clone());
            let messages: Vec<_> = messages.iter().map(|it| it.compose().unwrap()).collect();
            assert_messages_valid(&messages, OWNER, &dns.trust_anchors().unwrap());
        }
    }
}

#[test]
fn requires_only_one_matching_anchor() {
    let dns = dns();
    let mut anchors = TrustAnchor::iana();
    anchors.extend(dns.trust_anchors().unwrap());
    assert_messages_valid(&dns.chain(OWNER).unwrap(), OWNER, &anchors);
    let root = dns.clone().zone_mut(".").unwrap().keys[0].clone();
    let ds = root.ds_data(".", 4).unwrap();
    let sha384 = TrustAnchor::new(root.key_tag(), 13, 4, ds[4..].to_vec()).unwrap();
    assert_messages_valid(&dns.chain(OWNER).unwrap(), OWNER, &[sha384]);
}

#[test]
fn verifies_algorithm_rollover() {
    let keys = [key(ZoneAlgorithm::RsaSha256), key(ZoneAlgorithm::Ed25519)];
    assert_example_valid(&alter_zone(dns(), "com", |zone| zone.keys = keys.to_vec()));
    // The DS records match only the old key.
    let dns = alter_zone(dns(), "com", |zone| zone.keys.truncate(1));
    let delegation = dns.rrset("com", rtype::DS).unwrap().unwrap();
    let dns = alter_zone(dns, "com", |zone| zone.keys.extend(keys));
    assert_example_valid(&dns.with_rrset(delegation).unwrap());
}

#[test]
fn distinguishes_keys_with_equal_tags() {
    let rsa = key(ZoneAlgorithm::RsaSha256);
    let (same_modulus, forged) = (rsa.colliding().unwrap(), key(ZoneAlgorithm::RsaSha256));
    let forged = forged.forged(rsa.key_tag()).unwrap();
    for other in [same_modulus, forged] {
        assert_eq!(other.key_tag(), rsa.key_tag());
        assert_ne!(other.public_key, rsa.public_key);
        for keys in [[rsa.clone(), other.clone()], [other.clone(), rsa.clone()]] {
            let dns = alter_zone(dns(), "example.com", |zone| {
                zone.keys = vec![rsa.clone()];
                zone.standby_keys = keys.to_vec();
            });
            assert_example_valid(&dns);
            assert_example_valid(&alter_zone(dns, "example.com", |zone| zone.keys = keys.to_vec()));
        }
    }
    let curve = key(ZoneAlgorithm::Ed25519);
    let keys = vec![curve.colliding().unwrap(), curve];
    assert_eq!(keys[0].key_tag(), keys[1].key_tag());
    assert_example_valid(&alter_zone(dns(), "example.com", |zone| zone.keys = keys));
}
