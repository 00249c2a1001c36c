//! The DNSSEC part of the tree: the zones, and the TXT records of the organisation.

use serde_json::{Value, json};
use veraid::{
    ChainSignature, CheckResult, DnssecError, InspectedChain, InspectedDsRrset, InspectedKey,
    InspectedRrset, InspectedZone, Inspection, TxtRecord,
};

use super::names::{algorithm, digest_type};
use super::node::{Node, State, ValidityWindow};
use crate::text::{plural, presentation};

/// A zone with its DS and DNSKEY RRsets.
pub(crate) fn zone(zone: &InspectedZone) -> Node {
    let title =
        if zone.name == "." { "root zone".to_owned() } else { format!("zone {}", zone.name) };
    let mut node = Node::new("zone", title).fact("name", zone.name.as_str());
    node.children.extend(zone.delegation.as_ref().map(delegation));
    node.children.push(keys(zone));
    let has_failed = node.children.iter().any(|set| set.state == State::Invalid);
    if has_failed {
        node.state = State::Invalid;
    }
    node
}

fn delegation(delegation: &InspectedDsRrset) -> Node {
    let records = &delegation.records;
    let names = records.iter().map(|record| {
        let (key, digest) = (algorithm(record.algorithm), digest_type(record.digest_type));
        format!("for key {}, {key}, digest {digest}", record.key_tag)
    });
    let facts: Vec<Value> = records
        .iter()
        .map(|record| {
            json!({
                "keyTag": record.key_tag,
                "algorithm": record.algorithm,
                "digestType": record.digest_type,
            })
        })
        .collect();
    let mut node = set("DS", &delegation.rrset).fact("records", facts);
    node.details.extend(names);
    node
}

fn keys(zone: &InspectedZone) -> Node {
    let facts: Vec<Value> = zone.keys.iter().map(key_facts).collect();
    let mut node = set("DNSKEY", &zone.rrset).fact("keys", facts);
    node.details.extend(zone.keys.iter().map(|key| describe_key(key, zone.name == ".")));
    node
}

fn key_facts(key: &InspectedKey) -> Value {
    json!({
        "keyTag": key.tag,
        "algorithm": key.algorithm,
        "modulusBits": key.modulus_bits,
        "usable": key.is_usable,
        "trusted": key.matches_ds,
    })
}

fn describe_key(key: &InspectedKey, is_root: bool) -> String {
    let bits = key.modulus_bits.map(|bits| format!(", {bits} bits")).unwrap_or_default();
    let role = match (key.is_usable, key.matches_ds) {
        (false, _) => ", not usable",
        (true, true) if is_root => ", the trust anchor's",
        (true, true) => ", matches the DS record",
        (true, false) => "",
    };
    format!("key {}, {}{bits}{role}", key.tag, algorithm(key.algorithm))
}

/// Returns the TXT records, with a remark on the one that publishes the organisation's key.
pub(crate) fn txt_records(chain: &InspectedChain, inspection: &Inspection<'_>) -> Node {
    let mut node = set("TXT", &chain.rrset).fact("name", chain.rrset.owner.as_str());
    node.title = format!("TXT {}", chain.rrset.owner);
    if let [only] = node.windows.as_slice() {
        node.details.push(only.label.clone());
    }
    let mut facts = Vec::new();
    for strings in &chain.records {
        let text: Vec<String> = strings.iter().map(|string| presentation(string)).collect();
        let (record, is_checked) =
            (record(strings), inspection.key_publication != CheckResult::NotChecked);
        let publishes_key = record.is_some() && record == inspection.record;
        let remark = match record {
            None => " is not a VeraId record",
            Some(_) if publishes_key => " publishes the organisation's key",
            // The certificate reports two records with the key.
            Some(_) if is_checked && inspection.record.is_some() => {
                " is for another key or service"
            }
            Some(_) => "",
        };
        node.details.push(format!("\"{}\"{remark}", text.join("\" \"")));
        facts.push(json!({ "strings": text, "namesKey": is_checked.then_some(publishes_key) }));
    }
    node.fact("records", facts)
}

fn record(strings: &[Vec<u8>]) -> Option<TxtRecord> {
    match strings {
        [string] => std::str::from_utf8(string).ok()?.parse().ok(),
        _ => None,
    }
}

/// An RRset. One signature is part of its title; each of several has a row.
fn set(kind: &'static str, set: &InspectedRrset) -> Node {
    let count = set.signatures.len();
    let mut node = Node::new(kind, kind).with_check(&set.check, DnssecError::code);
    node.windows.extend(set.signatures.iter().map(|one| signature(one, &set.owner)));
    node.title = match node.windows.as_slice() {
        [only] => format!("{kind} {}", only.label),
        _ => format!("{kind}, {}", plural(count, "signature")),
    };
    node
}

fn signature(signature: &ChainSignature, owner: &str) -> ValidityWindow {
    let signer = match signature.signer.as_str() {
        signer if signer == owner => "its",
        "." => "the root's",
        signer => &format!("{signer}'s"),
    };
    let label =
        format!("signed by {signer} key {}, {}", signature.key_tag, algorithm(signature.algorithm));
    ValidityWindow::new(label, signature.validity)
        .fact("signer", signature.signer.as_str())
        .fact("keyTag", signature.key_tag)
        .fact("algorithm", signature.algorithm)
}
