//! Rejected responses.

use veraid::testing::{MockMessage, MockRecord, rtype};
use veraid::{DnssecError, LimitExceeded, MalformedMessage};

use super::{error_after, error_for_octets, position};
use crate::{
    AT, DELEGATION, DISPLAYED_OWNER, DISPLAYED_ZONE, OWNER, TEXT, alter_set, dns, error_of,
    instant, verify_messages,
};

#[test]
fn rejects_chain_without_trust_anchor() {
    let rejected = verify_messages(&dns().chain(OWNER).unwrap(), OWNER, instant(AT), &[]);
    assert_eq!(rejected.unwrap_err(), DnssecError::NoTrustAnchor);
}

#[test]
fn rejects_invalid_owner() {
    let dns = dns();
    let (messages, anchors) = (dns.chain(OWNER).unwrap(), dns.trust_anchors().unwrap());
    let rejected = verify_messages(&messages, "a..b", instant(AT), &anchors).unwrap_err();
    assert_eq!(rejected, DnssecError::InvalidOwner("a..b".to_owned()));
}

#[test]
fn rejects_aliases() {
    let alias = MockRecord::cname(OWNER, "_veraid.example.org").unwrap();
    let owner = || DISPLAYED_OWNER.to_owned();
    let alone = error_after(|messages| messages.last_mut().unwrap().answer = vec![alias.clone()]);
    assert_eq!(alone, DnssecError::Alias { owner: owner() });
    let with_alias = error_after(|messages| messages.last_mut().unwrap().answer.insert(0, alias));
    assert_eq!(with_alias, DnssecError::Alias { owner: owner() });
    let subtree = MockRecord::new("example.com", rtype::DNAME, b"\x03org\0".to_vec());
    let subtree = error_after(|messages| messages.last_mut().unwrap().answer.push(subtree));
    assert_eq!(subtree, DnssecError::Alias { owner: owner() });
}

#[test]
fn rejects_missing_responses() {
    let missing = |owner: &str| DnssecError::MissingResponse {
        owner: owner.to_owned(),
        record_type: "DNSKEY",
    };
    for zone in [".", "com.", DISPLAYED_ZONE] {
        let question = (zone, rtype::DNSKEY);
        let absent = error_after(|messages| drop(messages.remove(position(messages, question))));
        assert_eq!(absent, missing(zone));
        let failed = error_after(|messages| {
            let position = position(messages, question);
            messages[position] = messages[position].clone().with_response_code(2);
        });
        assert_eq!(failed, missing(zone));
        let empty = error_after(|messages| {
            let position = position(messages, question);
            messages[position].answer.clear();
        });
        let owner = zone.to_owned();
        assert_eq!(empty, DnssecError::NoRecords { owner, record_type: "DNSKEY" });
    }
    // Without DS records, the parent must have signed.
    let rejected = error_after(|messages| drop(messages.remove(position(messages, DELEGATION))));
    let (expected, found) = ("com.".to_owned(), DISPLAYED_ZONE.to_owned());
    let owner = DISPLAYED_OWNER.to_owned();
    assert_eq!(rejected, DnssecError::Signer { owner, record_type: "TXT", expected, found });
}

#[test]
fn rejects_invalid_txt_responses() {
    let owner = || DISPLAYED_OWNER.to_owned();
    let found = |found| DnssecError::TxtResponses { owner: owner(), found };
    assert_eq!(error_after(|messages| drop(messages.pop())), found(0));
    assert_eq!(error_after(|messages| messages.push(messages[7].clone())), found(2));
    let failed = MockMessage::response("_VERAID.example.com", rtype::TXT).with_response_code(2);
    assert_eq!(error_after(|messages| messages.insert(0, failed)), found(2));
    assert_eq!(error_after(|messages| messages[7].questions[0].class = 3), found(0));
    for code in [1, 2, 3, 5, 15] {
        let rejected = error_after(|messages| {
            messages[7] = messages[7].clone().with_response_code(code);
        });
        assert_eq!(rejected, DnssecError::ResponseCode { owner: owner(), found: code });
    }
    let empty = error_after(|messages| messages[7].answer.clear());
    assert_eq!(empty, DnssecError::NoRecords { owner: owner(), record_type: "TXT" });
    // Only the answer section is used.
    let moved =
        error_after(|messages| messages[7].authority = std::mem::take(&mut messages[7].answer));
    assert_eq!(moved, DnssecError::NoRecords { owner: owner(), record_type: "TXT" });
}

#[test]
fn rejects_malformed_messages() {
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
        let rejected = DnssecError::Message { position: 3, reason };
        assert_eq!(error_for_octets(&dns, &messages), rejected);
    }
}

#[test]
fn rejects_exceeded_limits() {
    let exceeded = |rejected| match rejected {
        DnssecError::Limit(LimitExceeded { resource, maximum, .. }) => (resource, maximum),
        other => panic!("{other}"),
    };
    let dns = dns();
    let mut messages = dns.chain(OWNER).unwrap();
    messages.extend(vec![dns.response("com", 1).unwrap().compose().unwrap(); 57]);
    let rejected = exceeded(error_for_octets(&dns, &messages));
    assert_eq!(rejected, ("messages in the chain", 64));

    let many = alter_set(dns.clone(), TEXT, |set| {
        set.data = (0..65).map(|number| vec![1, number]).collect();
    });
    assert_eq!(exceeded(error_of(&many)), ("records in an RRset", 64));
    let many = alter_set(dns.clone(), TEXT, |set| {
        set.signatures = vec![set.signatures[0].clone(); 65];
    });
    assert_eq!(exceeded(error_of(&many)), ("signatures over an RRset", 64));
}
