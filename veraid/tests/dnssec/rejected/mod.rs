//! Chains with one fault, and their errors.

mod keys;
mod responses;
mod signatures;

use veraid::DnssecError;
use veraid::testing::{MockDns, MockMessage};

use super::{AT, OWNER, dns, instant, verify_at, verify_messages};

/// Returns the error of the changed messages. The unchanged messages are valid.
fn error_after(alter: impl FnOnce(&mut Vec<MockMessage>)) -> DnssecError {
    let dns = dns();
    let mut messages = dns.chain_messages(OWNER).unwrap();
    alter(&mut messages);
    let messages: Vec<_> = messages.iter().map(|message| message.compose().unwrap()).collect();
    error_for_octets(&dns, &messages)
}

fn error_for_octets(dns: &MockDns, messages: &[Vec<u8>]) -> DnssecError {
    verify_at(dns, OWNER, instant(AT)).unwrap();
    let anchors = dns.trust_anchors().unwrap();
    verify_messages(messages, OWNER, instant(AT), &anchors).unwrap_err()
}

fn position(messages: &[MockMessage], (owner, record_type): (&str, u16)) -> usize {
    let is_about = |message: &MockMessage| {
        let question = &message.questions[0];
        question.owner.trim_end_matches('.') == owner.trim_end_matches('.')
            && question.rtype == record_type
    };
    messages.iter().position(is_about).unwrap()
}

fn signature(owner: &str, record_type: &'static str) -> DnssecError {
    DnssecError::Signature { owner: owner.to_owned(), record_type }
}
