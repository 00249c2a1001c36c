//! The limits of the work for a bundle.

use super::base::{CHAIN, MEMBER};
use super::chain_keys::{ksk, zsk};
use crate::case::Case;
use crate::dns::{
    KeyRef, Message, PublicKey, Rdata, Record, Rrsig, Signed, TYPE_A, TYPE_DNSKEY, TYPE_DS,
    TxtRdata, ZoneKey, txt_message,
};
use crate::octets::Octets;
use crate::recipe::Attached;
use crate::suite::Suite;

const SIGNATURES: &str = "limit-signatures-per-set";
const KEYS: &str = "limit-keys-per-tag";
const OPERATIONS: &str = "limit-operations";
const SIZES: &str = "limit-sizes";
const EXCEEDED: &str = "limit-exceeded";
const OWNER: &str = "_veraid.example.com";
const ZONE: &str = "example.com";

pub(crate) fn add(suite: &mut Suite) {
    add_signatures(suite);
    add_keys(suite);
    add_operations(suite);
    add_huge_exponents(suite);
    add_records(suite);
    add_chain_sizes(suite);
    add_labels(suite);
    add_certificates(suite);
}

/// Adds invalid signatures over the TXT records with plausible fields before the valid one.
fn add_forged_signatures(case: &mut Case, count: u8) {
    let own = case.recipe.chain.txt_rrsig().clone();
    let forged = (0..count).map(|seed| Rrsig { signed: Signed::Noise(seed, 64), ..own.clone() });
    let forged = forged.map(|rrsig| Record::new(OWNER, Rdata::Rrsig(rrsig)));
    case.recipe.chain.txt().answer.splice(1..1, forged);
}

fn add_signatures(suite: &mut Suite) {
    const SEVEN: &str = "limit-eighth-signature";
    let info = (
        SEVEN,
        SIGNATURES,
        "Of the signatures over a set, eight are tried: seven that do not match may precede the valid one.",
    );
    suite.valid(CHAIN, info, |case| add_forged_signatures(case, 7));
    let info = ("limit-ninth-signature", SIGNATURES, "A ninth signature is not tried.");
    suite.invalid(SEVEN, info, "dnssec-signature", |case| add_forged_signatures(case, 1));
    let info = (
        "limit-ninth-signature-after-others",
        SIGNATURES,
        "Signatures that need no check are not counted: by unknown keys, or of another time.",
    );
    suite.valid(SEVEN, info, |case| {
        let own = case.recipe.chain.txt_rrsig().clone();
        let unknown = Rrsig { tag: Some(1), ..own.clone() };
        let expired = Rrsig { expiration: "20261121000000".to_owned(), ..own };
        let others = [unknown, expired].map(|rrsig| Record::new(OWNER, Rdata::Rrsig(rrsig)));
        case.recipe.chain.txt().answer.splice(1..1, others);
    });
}

/// Adds keys to the zone that have the tag of its zone-signing key and sort before it. `published`
/// of them are in the DNSKEY response.
fn add_colliding_keys(case: &mut Case, count: u8, published: usize) {
    let own = zsk(case).clone();
    let chain = &mut case.recipe.chain;
    let colliding =
        (0..count).map(|seed| ZoneKey { public_key: PublicKey::Colliding(seed), ..own.clone() });
    chain.zones[2].keys.extend(colliding);
    let records =
        (2..2 + published).map(|key| Record::new(ZONE, Rdata::Dnskey(KeyRef { zone: 2, key })));
    chain.message(ZONE, TYPE_DNSKEY).answer.splice(0..0, records);
}

fn add_keys(suite: &mut Suite) {
    const THREE: &str = "limit-fourth-key-of-tag";
    let info = (
        THREE,
        KEYS,
        "Of the keys with the tag of a signature, four are tried: three others may precede the valid one.",
    );
    suite.valid(CHAIN, info, |case| add_colliding_keys(case, 4, 3));
    let info = ("limit-fifth-key-of-tag", KEYS, "A fifth key with the same tag is not tried.");
    suite.invalid(THREE, info, "dnssec-signature", |case| {
        let record = Record::new(ZONE, Rdata::Dnskey(KeyRef { zone: 2, key: 5 }));
        case.recipe.chain.message(ZONE, TYPE_DNSKEY).answer.insert(0, record);
    });
}

/// The bundle has 8 operations, and 4 more for each signature over its TXT records.
fn add_operations(suite: &mut Suite) {
    const ALL: &str = "limit-operations-reached";
    let info = (ALL, OPERATIONS, "A bundle may cost 32 public-key operations.");
    suite.valid(MEMBER, info, |case| {
        let key = zsk(case);
        (key.key, key.algorithm) = ("zone-ed25519", 15);
        add_colliding_keys(case, 3, 3);
        add_forged_signatures(case, 5);
    });
    let info = ("limit-operations-exceeded", OPERATIONS, "A bundle may not cost more than that.");
    suite.invalid(ALL, info, EXCEEDED, |case| add_forged_signatures(case, 1));
}

/// Adds RSA-3072 keys with one tag: five of six have exponents of 6144 bits.
fn huge_exponents(case: &mut Case) {
    ksk(case).key = "zone-rsa-3072";
    ksk(case).algorithm = 8;
    let own = ksk(case).clone();
    let chain = &mut case.recipe.chain;
    let huge = (0..5).map(|seed| ZoneKey {
        public_key: PublicKey::CollidingWithHugeExponent(seed),
        ..own.clone()
    });
    chain.zones[2].keys.extend(huge);
    let records = (2..7).map(|key| Record::new(ZONE, Rdata::Dnskey(KeyRef { zone: 2, key })));
    chain.message(ZONE, TYPE_DNSKEY).answer.splice(0..0, records);
    let own = chain.rrsig(ZONE, TYPE_DNSKEY).clone();
    let forged = (0..7).map(|seed| Rrsig { signed: Signed::Noise(seed, 384), ..own.clone() });
    let forged = forged.map(|rrsig| Record::new(ZONE, Rdata::Rrsig(rrsig)));
    chain.message(ZONE, TYPE_DNSKEY).answer.splice(5..5, forged);
}

fn add_huge_exponents(suite: &mut Suite) {
    const HUGE: &str = "limit-huge-exponents";
    let info = (
        HUGE,
        KEYS,
        "RSA keys with huge exponents that have the tag of a valid one are ignored, and cost nothing.",
    );
    suite.valid(CHAIN, info, huge_exponents);
    let info = (
        "limit-huge-exponents-and-12-signatures",
        SIGNATURES,
        "Six RSA-3072 keys of one tag, and twelve signatures.",
    );
    suite.invalid(HUGE, info, "dnssec-signature", |case| {
        let message = case.recipe.chain.message(ZONE, TYPE_DNSKEY);
        let forged = message.answer[5..9].to_vec();
        message.answer.splice(5..5, forged);
    });
}

fn filler(number: usize) -> Record {
    Record::new(OWNER, Rdata::Txt(TxtRdata { strings: vec![format!("filler {number}")] }))
}

fn add_records(suite: &mut Suite) {
    const RECORDS: &str = "limit-64-records";
    const SIGNED: &str = "limit-64-signatures";
    let info = (RECORDS, SIZES, "A set may have 64 records.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.txt().answer.splice(0..0, (0..63).map(filler));
        let fillers = (0..63).map(|number| vec![format!("filler {number}")]);
        case.proof().records.get_or_insert_default().extend(fillers);
    });
    let info = ("limit-65-records", SIZES, "A set may not have 65 records.");
    suite.invalid(RECORDS, info, EXCEEDED, |case| {
        case.recipe.chain.txt().answer.insert(0, filler(63));
    });
    let info = (SIGNED, SIZES, "A set may have 64 signatures, if most need no check.");
    let other = |case: &mut Case| {
        let unknown = Rrsig { tag: Some(1), ..case.recipe.chain.txt_rrsig().clone() };
        Record::new(OWNER, Rdata::Rrsig(unknown))
    };
    suite.valid(CHAIN, info, |case| {
        let others = vec![other(case); 63];
        case.recipe.chain.txt().answer.splice(1..1, others);
    });
    let info = ("limit-65-signatures", SIZES, "A set may not have 65 signatures.");
    suite.invalid(SIGNED, info, EXCEEDED, |case| {
        let other = other(case);
        case.recipe.chain.txt().answer.insert(1, other);
    });
}

fn add_chain_sizes(suite: &mut Suite) {
    const MESSAGES: &str = "limit-64-messages";
    const RECORDS: &str = "limit-512-records";
    const OCTETS: &str = "limit-65535-octets";
    let empty = || Message::new(OWNER, TYPE_DS, Vec::new());
    let info = (MESSAGES, SIZES, "A chain may have 64 messages.");
    suite.valid(CHAIN, info, |case| case.recipe.chain.messages.resize_with(64, empty));
    let info = ("limit-65-messages", SIZES, "A chain may not have 65 messages.");
    suite.malformed(MESSAGES, info, EXCEEDED, |case| case.recipe.chain.messages.push(empty()));
    let address = || Record::new(ZONE, Rdata::Other(TYPE_A, [192, 0, 2, 1].into()));
    let info = (RECORDS, SIZES, "A chain may have 512 records, in all sections of all messages.");
    suite.valid(CHAIN, info, |case| {
        let present: usize =
            case.recipe.chain.messages.iter().map(|message| message.answer.len()).sum();
        case.recipe.chain.txt().additional.resize_with(512 - present, address);
    });
    let info = ("limit-513-records", SIZES, "A chain may not have 513 records.");
    suite.invalid(RECORDS, info, EXCEEDED, |case| {
        case.recipe.chain.txt().additional.push(address());
    });
    let info = (OCTETS, SIZES, "A chain may have 65,535 octets, in all messages.");
    suite.valid(CHAIN, info, |case| {
        let key_info = case.recipe.organisation.subject_public_key_info();
        let present: usize = case.recipe.chain.encode(&key_info).iter().map(Vec::len).sum();
        // The record has a name of 13 octets and 10 more before its data.
        let data = Rdata::Other(TYPE_A, vec![0; 65_535 - present - 23].into());
        case.recipe.chain.message(OWNER, TYPE_DS).additional.push(Record::new(ZONE, data));
    });
    let info = ("limit-65536-octets", SIZES, "A chain may not have 65,536 octets.");
    suite.malformed(OCTETS, info, EXCEEDED, |case| {
        match &mut case.recipe.chain.message(OWNER, TYPE_DS).additional[0].data {
            Rdata::Other(_, Octets(data)) => data.push(0),
            _ => panic!("the twin has the record"),
        }
    });
}

/// Returns a name with this number of labels, at which the chain has records.
fn deep_owner(labels: usize) -> String {
    format!("_veraid.{}{ZONE}", "a.".repeat(labels - 3))
}

fn add_labels(suite: &mut Suite) {
    const LABELS: &str = "limit-31-labels";
    let info = (LABELS, SIZES, "A name may have 31 labels, so that its chain fits 64 messages.");
    suite.valid(CHAIN, info, |case| {
        let by = case.recipe.chain.txt_rrsig().by;
        let messages = [31, 32].map(|labels| txt_message(&deep_owner(labels), by));
        case.recipe.chain.messages.extend(messages);
        case.context.owner = Some(deep_owner(31));
    });
    let info = ("limit-32-labels", SIZES, "A name may not have 32 labels.");
    suite.invalid(LABELS, info, EXCEEDED, |case| case.context.owner = Some(deep_owner(32)));
}

fn add_certificates(suite: &mut Suite) {
    const CERTIFICATES: &str = "limit-32-certificates";
    let malformed = || Attached::Octets([0x30, 0].into());
    let info = (CERTIFICATES, SIZES, "A signature may have 32 attached certificates.");
    suite.valid(MEMBER, info, |case| {
        case.recipe.signature.certificates.get_or_insert_default().resize_with(32, malformed);
    });
    let info =
        ("limit-33-certificates", SIZES, "A signature may not have 33 attached certificates.");
    suite.invalid(CERTIFICATES, info, EXCEEDED, |case| {
        case.recipe.signature.certificates.get_or_insert_default().push(malformed());
    });
    let info = (
        "limit-65-messages-of-a-bundle",
        SIZES,
        "A bundle whose chain has 65 messages is not read.",
    );
    suite.valid(
        MEMBER,
        ("limit-64-messages-of-a-bundle", SIZES, "A bundle's chain may have 64 messages."),
        |case| {
            case.recipe.chain.messages.resize_with(64, || Message::new(OWNER, TYPE_DS, Vec::new()));
        },
    );
    suite.malformed("limit-64-messages-of-a-bundle", info, EXCEEDED, |case| {
        case.recipe.chain.messages.push(Message::new(OWNER, TYPE_DS, Vec::new()));
    });
}
