//! Rejected signatures.

use veraid::DnssecError;
use veraid::testing::{MockRecord, MockSignature, ZoneAlgorithm, rtype};

use super::{error_after, error_for_octets, position, signature};
use crate::{
    AT, DELEGATION, DISPLAYED_OWNER, DISPLAYED_ZONE, KEYS, OWNER, TEXT, alter_set, dns, error_of,
    instant, key, verify_at,
};

#[test]
fn rejects_wildcards() {
    for (labels, set, owner, record_type, expected) in [
        (2, TEXT, DISPLAYED_OWNER, "TXT", 3),
        (0, TEXT, DISPLAYED_OWNER, "TXT", 3),
        (4, TEXT, DISPLAYED_OWNER, "TXT", 3),
        (1, DELEGATION, DISPLAYED_ZONE, "DS", 2),
        (1, KEYS, DISPLAYED_ZONE, "DNSKEY", 2),
    ] {
        let dns = alter_set(dns(), set, |set| set.signatures[0].labels = labels);
        let owner = owner.to_owned();
        let rejected = DnssecError::Wildcard { owner, record_type, expected, found: labels };
        assert_eq!(error_of(&dns), rejected);
    }
}

#[test]
fn rejects_changed_records() {
    for (question, owner, record_type) in [
        (TEXT, DISPLAYED_OWNER, "TXT"),
        (DELEGATION, DISPLAYED_ZONE, "DS"),
        (("com", rtype::DS), "com.", "DS"),
    ] {
        let rejected = error_after(|messages| {
            let position = position(messages, question);
            *messages[position].answer[0].data.last_mut().unwrap() ^= 1;
        });
        assert_eq!(rejected, signature(owner, record_type));
    }
}

#[test]
fn rejects_added_or_removed_records() {
    let extra = MockRecord::txt(OWNER, &["extra"]).unwrap();
    let rejected = error_after(|messages| messages.last_mut().unwrap().answer.push(extra));
    assert_eq!(rejected, signature(DISPLAYED_OWNER, "TXT"));

    let dns = dns().with_txt(OWNER, "another").unwrap();
    let mut messages = dns.chain_messages(OWNER).unwrap();
    messages.last_mut().unwrap().answer.remove(0);
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    assert_eq!(error_for_octets(&dns, &messages), signature(DISPLAYED_OWNER, "TXT"));
}

#[test]
fn rejects_changed_signature_fields() {
    // The original TTL, the expiration, the inception, and the signature.
    for octet in [4, 7, 11, 15, 31, 60, 94] {
        let rejected = error_after(|messages| {
            let signature = &mut messages[7].answer[1];
            assert_eq!((signature.rtype, signature.data.len()), (rtype::RRSIG, 95));
            signature.data[octet] ^= 1;
        });
        assert_eq!(rejected, signature(DISPLAYED_OWNER, "TXT"), "{octet}");
    }
}

#[test]
fn rejects_signatures_for_another_owner() {
    let dns = dns().with_txt("_veraid.other.example.com", "text").unwrap();
    let other = dns.response("_veraid.other.example.com", rtype::TXT).unwrap();
    let mut messages = dns.chain_messages(OWNER).unwrap();
    let answer = &mut messages.last_mut().unwrap().answer;
    answer[1].data = other.answer[1].data.clone();
    // The same number of labels, so that only the name differs.
    answer[1].data[3] = 3;
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    assert_eq!(error_for_octets(&dns, &messages), signature(DISPLAYED_OWNER, "TXT"));
}

#[test]
fn rejects_unsigned_records() {
    for (set, owner, record_type) in [
        (TEXT, DISPLAYED_OWNER, "TXT"),
        (DELEGATION, DISPLAYED_ZONE, "DS"),
        (KEYS, DISPLAYED_ZONE, "DNSKEY"),
    ] {
        let dns = alter_set(dns(), set, |set| set.signatures.clear());
        assert_eq!(error_of(&dns), DnssecError::Unsigned { owner: owner.to_owned(), record_type });
    }
}

#[test]
fn tries_eight_signatures() {
    let other = key(ZoneAlgorithm::EcdsaP256Sha256);
    for (bad, is_good) in [(7, true), (8, false)] {
        let dns = alter_set(dns(), TEXT, |set| {
            let good = set.signatures[0].clone();
            let mut forged = MockSignature { key: other.clone(), ..good };
            // Signatures that expire last are tried first.
            forged.expiration += 1;
            set.signatures.extend(vec![forged; bad]);
        });
        assert_eq!(verify_at(&dns, OWNER, instant(AT)).is_ok(), is_good);
    }
}
