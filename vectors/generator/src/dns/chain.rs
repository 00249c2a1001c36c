//! The chain of responses from the root to the TXT records of an organisation.

use serde::Serialize;

use super::message::{Message, Record};
use super::rdata::{Ds, Rdata, Rrsig, Signed, Subject, TxtRdata};
use super::wire::{TYPE_DNSKEY, TYPE_DS, TYPE_TXT};
use super::zone::{KeyRef, Zone, ZoneKey};
use crate::der::Node;
use crate::octets::Octets;

#[derive(Clone, Serialize)]
pub(crate) struct Chain {
    pub(crate) zones: Vec<Zone>,
    pub(crate) messages: Vec<Message>,
    /// Messages from the real DNS, unchanged.
    pub(crate) recorded: Vec<Octets>,
    pub(crate) order: Order,
}

/// The order of the messages in the bundle.
#[derive(Clone, Serialize)]
pub(crate) enum Order {
    AsListed,
    Reversed,
    /// As in a SET OF in DER.
    Sorted,
}

const ROOT: usize = 0;
const COM: usize = 1;
const EXAMPLE: usize = 2;

/// Creates a chain as deployed libraries store it: a response to each question, from the root down
/// to the TXT records, with empty answers for labels without a zone.
pub(crate) fn deployed_chain() -> Chain {
    let zone = |name: &str, keys: Vec<ZoneKey>| Zone { name: name.to_owned(), keys };
    let zones = vec![
        zone(
            ".",
            vec![ZoneKey::new("root-ksk", ZoneKey::KSK), ZoneKey::new("root-zsk", ZoneKey::ZSK)],
        ),
        zone("com", vec![ZoneKey::new("com", ZoneKey::KSK)]),
        zone(
            "example.com",
            vec![
                ZoneKey::new("example-ksk", ZoneKey::KSK),
                ZoneKey::new("example-zsk", ZoneKey::ZSK),
            ],
        ),
    ];
    let owner = "_veraid.example.com";
    let messages = vec![
        dnskey_message(&zones, ROOT, ("20261110000000", "20261201000000")),
        ds_message("com", key(ROOT, 1), key(COM, 0), ("20261120050000", "20261203060000")),
        dnskey_message(&zones, COM, ("20261115000000", "20261206000000")),
        ds_message(
            "example.com",
            key(COM, 0),
            key(EXAMPLE, 0),
            ("20261118030000", "20261125030000"),
        ),
        dnskey_message(&zones, EXAMPLE, ("20261119000000", "20261203000000")),
        Message::new(owner, TYPE_DS, Vec::new()),
        Message::new(owner, TYPE_DNSKEY, Vec::new()),
        txt_message(owner, key(EXAMPLE, 1)),
    ];
    Chain { zones, messages, recorded: Vec::new(), order: Order::AsListed }
}

pub(crate) const fn key(zone: usize, key: usize) -> KeyRef {
    KeyRef { zone, key }
}

/// Returns the DNSKEY RRset of a zone, signed by its first key.
pub(crate) fn dnskey_message(zones: &[Zone], zone: usize, window: (&str, &str)) -> Message {
    let Zone { name, keys } = &zones[zone];
    let records = (0..keys.len()).map(|position| Rdata::Dnskey(key(zone, position)));
    signed_message(name, TYPE_DNSKEY, records.collect(), key(zone, 0), window)
}

/// Returns the DS RRset of a zone.
pub(crate) fn ds_message(name: &str, by: KeyRef, of: KeyRef, window: (&str, &str)) -> Message {
    signed_message(name, TYPE_DS, vec![Rdata::Ds(Ds::new(of))], by, window)
}

/// Returns a TXT record that publishes the organisation's key.
pub(crate) fn txt_message(owner: &str, by: KeyRef) -> Message {
    let strings = vec!["1 {sha256-padded} 3600".to_owned()];
    let record = Rdata::Txt(TxtRdata { strings });
    signed_message(owner, TYPE_TXT, vec![record], by, ("20261120000000", "20261204000000"))
}

pub(crate) fn signed_message(
    name: &str,
    kind: u16,
    data: Vec<Rdata>,
    by: KeyRef,
    window: (&str, &str),
) -> Message {
    let signature = Rrsig {
        covers: kind,
        by,
        labels: None,
        tag: None,
        algorithm: None,
        signer: None,
        original_ttl: 300,
        inception: window.0.to_owned(),
        expiration: window.1.to_owned(),
        signed: Signed::Canonical,
    };
    let data = data.into_iter().chain([Rdata::Rrsig(signature)]);
    Message::new(name, kind, data.map(|data| Record::new(name, data)).collect())
}

impl Chain {
    /// Returns the messages in wire form.
    pub(crate) fn encode(&self, key_info: &[u8]) -> Vec<Vec<u8>> {
        let subject = Subject { zones: &self.zones, key_info };
        let encoded = self.messages.iter().map(|message| message.encode(subject));
        let recorded = self.recorded.iter().map(|octets| octets.0.clone());
        let mut messages: Vec<_> = encoded.chain(recorded).collect();
        match self.order {
            Order::AsListed => {}
            Order::Reversed => messages.reverse(),
            Order::Sorted => messages
                .sort_by_cached_key(|message| Node::octet_string(message.as_slice()).encode()),
        }
        messages
    }

    /// `SET OF OCTET STRING`.
    pub(crate) fn node(&self, key_info: &[u8]) -> Node {
        Node::set(self.encode(key_info).into_iter().map(Node::octet_string).collect())
    }

    /// Returns the response to a question, for changes.
    pub(crate) fn message(&mut self, name: &str, kind: u16) -> &mut Message {
        let mut messages = self.messages.iter_mut();
        let message = messages.find(|message| message.name == name && message.kind == kind);
        message.expect("the chain has such a response")
    }

    /// Returns the last record of a response, which is a signature.
    pub(crate) fn rrsig(&mut self, name: &str, kind: u16) -> &mut Rrsig {
        let record = self.message(name, kind).answer.last_mut();
        record.expect("the answer has records").as_rrsig()
    }

    /// Returns the TXT message of the organisation.
    pub(crate) fn txt(&mut self) -> &mut Message {
        let message = self.messages.iter_mut().find(|message| message.kind == TYPE_TXT);
        message.expect("the chain has such a response")
    }

    /// Returns the last record of the TXT message, which is a signature.
    pub(crate) fn txt_rrsig(&mut self) -> &mut Rrsig {
        let record = self.txt().answer.last_mut();
        record.expect("the answer has records").as_rrsig()
    }

    /// Returns the strings of the organisation's first TXT record.
    pub(crate) fn txt_strings(&mut self) -> &mut Vec<String> {
        match &mut self.txt().answer[0].data {
            Rdata::Txt(txt) => &mut txt.strings,
            _ => panic!("the first record is not a TXT record"),
        }
    }

    /// Returns the trust anchor of a key of the root, as a DS record in presentation form.
    pub(crate) fn anchor(&self, key_position: usize) -> String {
        let octets = Ds::new(key(ROOT, key_position)).octets(&self.zones);
        let [high, low, algorithm, digest_type, digest @ ..] = octets.as_slice() else {
            panic!("a DS record has these fields");
        };
        let tag = u16::from_be_bytes([*high, *low]);
        format!(
            ". IN DS {tag} {algorithm} {digest_type} {}",
            crate::octets::to_hex(digest).to_uppercase()
        )
    }
}
