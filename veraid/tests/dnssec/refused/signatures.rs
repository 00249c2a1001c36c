//! Signatures that prove nothing.

use veraid::DnssecError;
use veraid::testing::{MockRecord, MockSignature, ZoneAlgorithm, rtype};

use super::{position, refusal_of, refusal_of_octets, signature};
use crate::{
    AT, DELEGATION, KEYS, OWNER, SHOWN_OWNER, SHOWN_ZONE, TEXT, alter_set, dns, instant, key,
    refusal, verify_at,
};

#[test]
fn wildcards() {
    for (labels, set, owner, record_type, expected) in [
        (2, TEXT, SHOWN_OWNER, "TXT", 3),
        (0, TEXT, SHOWN_OWNER, "TXT", 3),
        (4, TEXT, SHOWN_OWNER, "TXT", 3),
        (1, DELEGATION, SHOWN_ZONE, "DS", 2),
        (1, KEYS, SHOWN_ZONE, "DNSKEY", 2),
    ] {
        let dns = alter_set(dns(), set, |set| set.signatures[0].labels = labels);
        let owner = owner.to_owned();
        let refused = DnssecError::Wildcard { owner, record_type, expected, found: labels };
        assert_eq!(refusal(&dns), refused);
    }
}

#[test]
fn records_altered_after_they_were_signed() {
    for (question, owner, record_type) in [
        (TEXT, SHOWN_OWNER, "TXT"),
        (DELEGATION, SHOWN_ZONE, "DS"),
        (("com", rtype::DS), "com.", "DS"),
    ] {
        let refused = refusal_of(|messages| {
            let position = position(messages, question);
            *messages[position].answer[0].data.last_mut().unwrap() ^= 1;
        });
        assert_eq!(refused, signature(owner, record_type));
    }
}

#[test]
fn records_added_or_taken_away_after_they_were_signed() {
    let extra = MockRecord::txt(OWNER, &["extra"]).unwrap();
    let refused = refusal_of(|messages| messages.last_mut().unwrap().answer.push(extra));
    assert_eq!(refused, signature(SHOWN_OWNER, "TXT"));

    let dns = dns().with_txt(OWNER, "another").unwrap();
    let mut messages = dns.chain_messages(OWNER).unwrap();
    messages.last_mut().unwrap().answer.remove(0);
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    assert_eq!(refusal_of_octets(&dns, &messages), signature(SHOWN_OWNER, "TXT"));
}

#[test]
fn fields_of_a_signature_altered_after_it_was_made() {
    // The original TTL, the expiration, the inception, and the signature.
    for octet in [4, 7, 11, 15, 31, 60, 94] {
        let refused = refusal_of(|messages| {
            let signature = &mut messages[7].answer[1];
            assert_eq!((signature.rtype, signature.data.len()), (rtype::RRSIG, 95));
            signature.data[octet] ^= 1;
        });
        assert_eq!(refused, signature(SHOWN_OWNER, "TXT"), "{octet}");
    }
}

#[test]
fn signatures_for_another_owner() {
    let dns = dns().with_txt("_veraid.other.example.com", "text").unwrap();
    let other = dns.response("_veraid.other.example.com", rtype::TXT).unwrap();
    let mut messages = dns.chain_messages(OWNER).unwrap();
    let answer = &mut messages.last_mut().unwrap().answer;
    answer[1].data = other.answer[1].data.clone();
    // As many labels, so that nothing but the name tells.
    answer[1].data[3] = 3;
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    assert_eq!(refusal_of_octets(&dns, &messages), signature(SHOWN_OWNER, "TXT"));
}

#[test]
fn no_signature() {
    for (set, owner, record_type) in
        [(TEXT, SHOWN_OWNER, "TXT"), (DELEGATION, SHOWN_ZONE, "DS"), (KEYS, SHOWN_ZONE, "DNSKEY")]
    {
        let dns = alter_set(dns(), set, |set| set.signatures.clear());
        assert_eq!(refusal(&dns), DnssecError::Unsigned { owner: owner.to_owned(), record_type });
    }
}

#[test]
fn a_good_signature_behind_eight_bad_ones() {
    let other = key(ZoneAlgorithm::EcdsaP256Sha256);
    for (bad, is_good) in [(7, true), (8, false)] {
        let dns = alter_set(dns(), TEXT, |set| {
            let good = set.signatures[0].clone();
            let mut forged = MockSignature { key: other.clone(), ..good };
            // Those that hold longest are tried first.
            forged.expiration += 1;
            set.signatures.extend(vec![forged; bad]);
        });
        assert_eq!(verify_at(&dns, OWNER, instant(AT)).is_ok(), is_good);
    }
}
