//! Messages that are expensive to parse: deep compression, many records, many labels.

use kliento::MAX_BUNDLE_OCTETS;
use veraid::testing::{MockMessage, ResponseForm, rtype};
use veraid::{KeyAlgorithm, Limits};

use super::{Named, chain, compose};
use crate::Bundle;
use crate::mock::{Mock, at};

/// The labels of the longest name (RFC 1035, 2.3.4), without the root's.
const MAX_LABELS: u16 = 126;

/// The size of a record whose owner is a pointer, without and with the data of a signature.
const RECORD_OCTETS: usize = 12;
const SIGNATURE_OCTETS: usize = 32;

/// The records of the added message; the rest of the limit is for the chain itself.
const OWN_RECORDS: usize = Limits::RECORDS - 72;

/// An unassigned record type, whose data is not parsed.
const OPAQUE: u16 = 65_280;

pub(super) fn all(mock: &Mock) -> Vec<Named> {
    let messages = compose(&chain(mock));
    vec![
        ("names of 126 pointers", filled(mock, messages, 0)),
        ("31 labels, 64 messages", many_labels()),
    ]
}

/// Adds a message with as many deep names as fit to the chain, and signatures with this many
/// different inception times before the time of verification.
pub(super) fn filled(mock: &Mock, mut chain: Vec<Vec<u8>>, instants: usize) -> Bundle {
    let room = MAX_BUNDLE_OCTETS - mock.bundle_with_chain(chain.clone()).octets.len() - 16;
    chain.push(deep_pointers(room, instants));
    mock.bundle_with_chain(chain)
}

/// Composes a message whose names are chains of pointers; a signature has two of them.
fn deep_pointers(octets: usize, instants: usize) -> Vec<u8> {
    let mut message = MockMessage::response(".", OPAQUE).compose().expect("a message");
    let first = message.len() + 11;
    let mut names = vec![1, b'a', 0];
    for number in 1..MAX_LABELS {
        let target = first + names.len() - if number == 1 { 3 } else { 4 };
        names.extend([1, b'a', 0xc0 | high(target), low(target)]);
    }
    let deepest = first + names.len() - 4;
    let pointer = [0xc0 | high(deepest), low(deepest)];
    push(&mut message, &[0], OPAQUE, &names);
    let room = octets.saturating_sub(message.len());
    let records = OWN_RECORDS.min(room / RECORD_OCTETS);
    let signatures = (room - records * RECORD_OCTETS) / (SIGNATURE_OCTETS - RECORD_OCTETS);
    let signatures = signatures.max(instants);
    let others = (room - signatures * SIGNATURE_OCTETS) / RECORD_OCTETS;
    let others = others.min(OWN_RECORDS - signatures);
    for number in 0..signatures {
        push(&mut message, &pointer, rtype::RRSIG, &signature(number % instants.max(1), pointer));
    }
    for _ in 0..others {
        push(&mut message, &pointer, OPAQUE, &[]);
    }
    let count = u16::try_from(1 + signatures + others).expect("few records");
    message[6..8].copy_from_slice(&count.to_be_bytes());
    message
}

/// The data of an RRSIG record (RFC 4034, 3.1) without a signature.
fn signature(seconds: usize, signer: [u8; 2]) -> Vec<u8> {
    let instant = at().as_second() - i64::try_from(seconds).expect("few seconds");
    let inception = u32::try_from(instant).expect("before 2106");
    let times = [3600, inception + 3600, inception].map(u32::to_be_bytes);
    [&[0, 16, 13, 2], times.as_flattened(), &[0, 0], &signer].concat()
}

fn push(message: &mut Vec<u8>, owner: &[u8], kind: u16, data: &[u8]) {
    message.extend(owner);
    message.extend([kind, 1, 0, 0].map(u16::to_be_bytes).as_flattened());
    message.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
    message.extend(data);
}

fn high(offset: usize) -> u8 {
    u8::try_from(offset >> 8).expect("an offset in a message")
}

fn low(offset: usize) -> u8 {
    u8::try_from(offset & 0xff).expect("an octet")
}

/// Returns a bundle of an organisation whose chain has the maximum number of messages.
fn many_labels() -> Bundle {
    let labels = vec!["l"; Limits::LABELS - 3];
    let name = format!("{}.example.com", labels.join("."));
    let dns = Mock::typical().dns.with_form(ResponseForm::Reencoded);
    Mock::organisation(&name, dns, KeyAlgorithm::Rsa2048).bundle()
}
