//! Mock zones and verification, compared with another implementation of DNSSEC.

use hickory_proto::dnssec::crypto::{EcdsaSigningKey, Ed25519SigningKey, RsaSigningKey};
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::dnssec::{Algorithm, SigningKey, TBS, Verifier as _};
use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, RData, Record, SerialNumber};
use veraid::testing::{MockDns, MockKey, MockSignature, ResponseForm, ZoneAlgorithm, rtype};

use super::algorithms::VERIFIABLE;
use super::{OWNER, RSA_1024, alter_set, alter_zone, assert_messages_valid, dns, key};

const SETS: [(&str, u16); 6] = [
    (".", rtype::DNSKEY),
    ("com", rtype::DNSKEY),
    ("com", rtype::DS),
    ("example.com", rtype::DNSKEY),
    ("example.com", rtype::DS),
    (OWNER, rtype::TXT),
];

/// Returns a DNS whose zones all have two keys of the algorithm.
fn dns_with(algorithm: ZoneAlgorithm) -> MockDns {
    let zones = [".", "com", "example.com"];
    zones.into_iter().fold(dns(), |dns, name| {
        let keys = vec![key(algorithm), key(algorithm).into_zone_signing_key()];
        alter_zone(dns, name, |zone| zone.keys = keys)
    })
}

fn response(dns: &MockDns, (owner, kind): (&str, u16)) -> Message {
    Message::from_vec(&dns.response(owner, kind).unwrap().compose().unwrap()).unwrap()
}

fn signatures(message: &Message) -> Vec<(Record, RRSIG)> {
    let signature = |record: &Record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some((record.clone(), signature.clone())),
        _ => None,
    };
    message.answers.iter().chain(&message.authorities).filter_map(signature).collect()
}

fn dnskeys(dns: &MockDns, zone: &str) -> Vec<DNSKEY> {
    let key = |record: Record| match record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    };
    response(dns, (zone, rtype::DNSKEY)).answers.into_iter().filter_map(key).collect()
}

/// Returns the number of signatures of the message, all of which the other implementation verifies.
fn assert_verified_by_hickory(dns: &MockDns, message: &Message) -> usize {
    let signatures = signatures(message);
    for (record, signature) in &signatures {
        let input = signature.input();
        let keys = dnskeys(dns, &input.signer_name.to_string());
        let key = keys.iter().find(|key| key.calculate_key_tag().unwrap() == input.key_tag);
        let records = message.answers.iter().chain(&message.authorities);
        let verified = key.unwrap().verify_rrsig(&record.name, DNSClass::IN, signature, records);
        verified.unwrap_or_else(|error| panic!("{record}: {error}"));
    }
    signatures.len()
}

#[test]
fn hickory_verifies_mock_signatures() {
    for algorithm in VERIFIABLE {
        let dns = dns_with(algorithm);
        for set in SETS {
            assert_eq!(assert_verified_by_hickory(&dns, &response(&dns, set)), 1);
        }
        // The proofs of absence: SOA and NSEC.
        for set in [(OWNER, rtype::DNSKEY), (OWNER, rtype::DS), ("com", rtype::TXT)] {
            assert_eq!(assert_verified_by_hickory(&dns, &response(&dns, set)), 2);
        }
    }
}

#[test]
fn hickory_verifies_other_key_sizes() {
    let large = key(ZoneAlgorithm::RsaSha512).with_exponent(&[1, 0, 3]).unwrap();
    for key in [
        MockKey::from_pkcs8(ZoneAlgorithm::RsaSha256, RSA_1024).unwrap(),
        MockKey::from_pkcs8(ZoneAlgorithm::RsaSha512, RSA_1024).unwrap(),
        large,
        key(ZoneAlgorithm::RsaSha1),
        key(ZoneAlgorithm::RsaSha1Nsec3),
    ] {
        let dns = alter_zone(dns(), "example.com", |zone| zone.keys = vec![key]);
        assert_eq!(assert_verified_by_hickory(&dns, &response(&dns, (OWNER, rtype::TXT))), 1);
    }
}

#[test]
fn hickory_verifies_wildcards_and_capitals() {
    for labels in [0, 1, 2, 3] {
        let dns = alter_set(dns(), (OWNER, rtype::TXT), |set| {
            set.signatures[0].labels = labels;
            set.signatures[0].signer = "EXAMPLE.com".to_owned();
        });
        let message = dns.response(&OWNER.to_uppercase(), rtype::TXT).unwrap().compose().unwrap();
        let message = Message::from_vec(&message).unwrap();
        assert_eq!(assert_verified_by_hickory(&dns, &message), 1);
    }
}

#[test]
fn hickory_agrees_on_tags_and_digests() {
    for algorithm in VERIFIABLE {
        let dns = dns_with(algorithm);
        let dns = alter_zone(dns, "example.com", |zone| zone.digest_types = vec![2, 4]);
        let key = dns.clone().zone_mut("example.com").unwrap().keys[0].clone();
        let dnskey = dnskeys(&dns, "example.com").into_iter().find(DNSKEY::secure_entry_point);
        let (dnskey, message) = (dnskey.unwrap(), response(&dns, ("example.com", rtype::DS)));
        assert_eq!(dnskey.calculate_key_tag().unwrap(), key.key_tag());
        let covering = message.answers.iter().filter(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::DS(ds)) => ds.covers(&record.name, &dnskey).unwrap(),
            _ => false,
        });
        assert_eq!(covering.count(), 2);
    }
}

#[test]
fn verifies_signatures_of_hickory() {
    for algorithm in VERIFIABLE {
        let dns = dns_with(algorithm).with_form(ResponseForm::Reencoded);
        let messages = SETS.map(|set| signed_by_hickory(&dns, set));
        assert_messages_valid(&messages, OWNER, &dns.trust_anchors().unwrap());
    }
}

/// Returns the response, composed and signed by the other implementation with the same keys.
fn signed_by_hickory(dns: &MockDns, (owner, kind): (&str, u16)) -> Vec<u8> {
    let set = dns.rrset(owner, kind).unwrap().unwrap();
    let mut message = response(dns, (owner, kind));
    message.answers.retain(|record| u16::from(record.record_type()) != rtype::RRSIG);
    for signature in &set.signatures {
        let first = message.answers[0].clone();
        let input = input(signature, &first);
        let records = message.answers.iter();
        let tbs = TBS::from_input(&first.name, DNSClass::IN, &input, records).unwrap();
        let octets = signing_key(&signature.key).sign(&tbs).unwrap();
        let data = DNSSECRData::RRSIG(RRSIG::from_sig(input, octets));
        message.add_answer(Record::from_rdata(first.name, first.ttl, RData::DNSSEC(data)));
    }
    message.to_vec().unwrap()
}

fn input(signature: &MockSignature, record: &Record) -> SigInput {
    SigInput {
        type_covered: record.record_type(),
        algorithm: Algorithm::from_u8(signature.algorithm),
        num_labels: record.name.num_labels(),
        original_ttl: record.ttl,
        sig_expiration: SerialNumber::new(signature.expiration),
        sig_inception: SerialNumber::new(signature.inception),
        key_tag: signature.key_tag,
        signer_name: signature.signer.parse().unwrap(),
    }
}

fn signing_key(key: &MockKey) -> Box<dyn SigningKey> {
    let pkcs8 = key.to_pkcs8().unwrap();
    let algorithm = Algorithm::from_u8(key.algorithm);
    match key.algorithm {
        8 | 10 => Box::new(RsaSigningKey::from_pkcs8(&pkcs8.into(), algorithm).unwrap()),
        13 | 14 => Box::new(EcdsaSigningKey::from_pkcs8(&pkcs8.into(), algorithm).unwrap()),
        _ => Box::new(Ed25519SigningKey::from_pkcs8(&pkcs8.into()).unwrap()),
    }
}
