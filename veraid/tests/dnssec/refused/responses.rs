//! Responses that prove nothing.

use veraid::testing::{MockMessage, MockRecord, rtype};
use veraid::{DnssecError, LimitExceeded, MalformedMessage};

use super::{position, refusal_of, refusal_of_octets};
use crate::{
    AT, DELEGATION, OWNER, SHOWN_OWNER, SHOWN_ZONE, TEXT, alter_set, dns, instant, refusal,
    verify_messages,
};

#[test]
fn no_anchor() {
    let refused = verify_messages(&dns().chain(OWNER).unwrap(), OWNER, instant(AT), &[]);
    assert_eq!(refused.unwrap_err(), DnssecError::NoTrustAnchor);
}

#[test]
fn no_name() {
    let dns = dns();
    let (messages, anchors) = (dns.chain(OWNER).unwrap(), dns.trust_anchors().unwrap());
    let refused = verify_messages(&messages, "a..b", instant(AT), &anchors).unwrap_err();
    assert_eq!(refused, DnssecError::InvalidOwner("a..b".to_owned()));
}

#[test]
fn aliases() {
    let alias = MockRecord::cname(OWNER, "_veraid.example.org").unwrap();
    let owner = || SHOWN_OWNER.to_owned();
    let alone = refusal_of(|messages| messages.last_mut().unwrap().answer = vec![alias.clone()]);
    assert_eq!(alone, DnssecError::Alias { owner: owner() });
    let beside = refusal_of(|messages| messages.last_mut().unwrap().answer.insert(0, alias));
    assert_eq!(beside, DnssecError::Alias { owner: owner() });
    let subtree = MockRecord::new("example.com", rtype::DNAME, b"\x03org\0".to_vec());
    let subtree = refusal_of(|messages| messages.last_mut().unwrap().answer.push(subtree));
    assert_eq!(subtree, DnssecError::Alias { owner: owner() });
}

#[test]
fn missing_responses() {
    let missing = |owner: &str| DnssecError::MissingResponse {
        owner: owner.to_owned(),
        record_type: "DNSKEY",
    };
    for zone in [".", "com.", SHOWN_ZONE] {
        let question = (zone, rtype::DNSKEY);
        let absent = refusal_of(|messages| drop(messages.remove(position(messages, question))));
        assert_eq!(absent, missing(zone));
        let failed = refusal_of(|messages| {
            let position = position(messages, question);
            messages[position] = messages[position].clone().with_response_code(2);
        });
        assert_eq!(failed, missing(zone));
        let empty = refusal_of(|messages| {
            let position = position(messages, question);
            messages[position].answer.clear();
        });
        let owner = zone.to_owned();
        assert_eq!(empty, DnssecError::NoRecords { owner, record_type: "DNSKEY" });
    }
    // Without the delegation, the parent must have signed.
    let refused = refusal_of(|messages| drop(messages.remove(position(messages, DELEGATION))));
    let (expected, found) = ("com.".to_owned(), SHOWN_ZONE.to_owned());
    let owner = SHOWN_OWNER.to_owned();
    assert_eq!(refused, DnssecError::Signer { owner, record_type: "TXT", expected, found });
}

#[test]
fn responses_about_the_records() {
    let owner = || SHOWN_OWNER.to_owned();
    let found = |found| DnssecError::TxtResponses { owner: owner(), found };
    assert_eq!(refusal_of(|messages| drop(messages.pop())), found(0));
    assert_eq!(refusal_of(|messages| messages.push(messages[7].clone())), found(2));
    let failed = MockMessage::response("_VERAID.example.com", rtype::TXT).with_response_code(2);
    assert_eq!(refusal_of(|messages| messages.insert(0, failed)), found(2));
    assert_eq!(refusal_of(|messages| messages[7].questions[0].class = 3), found(0));
    for code in [1, 2, 3, 5, 15] {
        let refused = refusal_of(|messages| {
            messages[7] = messages[7].clone().with_response_code(code);
        });
        assert_eq!(refused, DnssecError::ResponseCode { owner: owner(), found: code });
    }
    let empty = refusal_of(|messages| messages[7].answer.clear());
    assert_eq!(empty, DnssecError::NoRecords { owner: owner(), record_type: "TXT" });
    // Only the answer section counts.
    let moved =
        refusal_of(|messages| messages[7].authority = std::mem::take(&mut messages[7].answer));
    assert_eq!(moved, DnssecError::NoRecords { owner: owner(), record_type: "TXT" });
}

#[test]
fn malformed_messages() {
    let dns = dns();
    let good = dns.chain(OWNER).unwrap();
    let mut two = dns.response(OWNER, 1).unwrap();
    two.questions.push(two.questions[0].clone());
    let none = MockMessage { questions: Vec::new(), ..two.clone() };
    let cut = good[0][..good[0].len() - 1].to_vec();
    for (message, reason) in [
        (vec![], MalformedMessage::Header),
        (good[0][..11].to_vec(), MalformedMessage::Header),
        (two.compose().unwrap(), MalformedMessage::QuestionCount(2)),
        (none.compose().unwrap(), MalformedMessage::QuestionCount(0)),
        (cut, MalformedMessage::Record),
        ([&good[0], [0].as_slice()].concat(), MalformedMessage::Trailing),
    ] {
        let mut messages = good.clone();
        messages.insert(3, message);
        let refused = DnssecError::Message { position: 3, reason };
        assert_eq!(refusal_of_octets(&dns, &messages), refused);
    }
}

#[test]
fn too_much() {
    let exceeded = |refused| match refused {
        DnssecError::Limit(LimitExceeded { resource, maximum, .. }) => (resource, maximum),
        other => panic!("{other}"),
    };
    let dns = dns();
    let mut messages = dns.chain(OWNER).unwrap();
    messages.extend(vec![dns.response("com", 1).unwrap().compose().unwrap(); 57]);
    let refused = exceeded(refusal_of_octets(&dns, &messages));
    assert_eq!(refused, ("messages in the chain", 64));

    let many = alter_set(dns.clone(), TEXT, |set| {
        set.data = (0..65).map(|number| vec![1, number]).collect();
    });
    assert_eq!(exceeded(refusal(&many)), ("records in a set", 64));
    let many = alter_set(dns.clone(), TEXT, |set| {
        set.signatures = vec![set.signatures[0].clone(); 65];
    });
    assert_eq!(exceeded(refusal(&many)), ("signatures over a set", 64));
}
