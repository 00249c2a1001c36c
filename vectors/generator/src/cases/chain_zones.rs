//! The cuts between zones: deep names, labels without a zone, and delegations of several labels.

use super::base::{CHAIN, MEMBER};
use crate::case::Case;
use crate::dns::{
    Chain, KeyRef, Message, TYPE_DNSKEY, TYPE_DS, Zone, ZoneKey, dnskey_message, ds_message,
    txt_message,
};
use crate::recipe::{bmp, common_name};
use crate::suite::Suite;

const SKIPPED: &str = "chain-skipped-labels";
const DEEPEST: &str = "chain-deepest-zone";
const WINDOW: (&str, &str) = ("20261120000000", "20261204000000");
const ROOT: usize = 0;
const COM: usize = 1;
const EXAMPLE: usize = 2;
const OWN: usize = 3;

pub(crate) fn add(suite: &mut Suite) {
    add_deep(suite);
    add_skipped(suite);
    add_own_zone(suite);
    add_all_of_p384(suite);
}

const fn key(zone: usize, key: usize) -> KeyRef {
    KeyRef { zone, key }
}

/// Changes the owner of the chain's records, and adds empty responses for the labels above it.
fn set_owner(chain: &mut Chain, owner: &str, labels: &[&str], by: KeyRef) {
    chain.messages.retain(|message| !message.name.starts_with("_veraid"));
    for name in labels.iter().copied().chain([owner]) {
        chain
            .messages
            .extend([TYPE_DS, TYPE_DNSKEY].map(|kind| Message::new(name, kind, Vec::new())));
    }
    chain.messages.push(txt_message(owner, by));
}

fn add_deep(suite: &mut Suite) {
    const DEEP: &str = "chain-deep-name";
    let info = (DEEP, SKIPPED, "A name may lie any number of labels below its zone.");
    suite.valid(CHAIN, info, |case| {
        let labels = ["c.example.com", "b.c.example.com", "a.b.c.example.com"];
        set_owner(&mut case.recipe.chain, "_veraid.a.b.c.example.com", &labels, key(EXAMPLE, 1));
        case.context.owner = Some("_veraid.a.b.c.example.com".to_owned());
    });
    let info = (
        "chain-deep-name-by-parent",
        SKIPPED,
        "However deep the name, the zone's parent does not sign.",
    );
    suite.invalid(DEEP, info, "dnssec-signer", |case| {
        case.recipe.chain.txt_rrsig().by = key(COM, 0);
    });
    let info = (
        "organisation-deep-name",
        SKIPPED,
        "An organisation may be any number of labels below its zone.",
    );
    suite.valid(MEMBER, info, |case| {
        let labels = ["team.example.com"];
        set_owner(&mut case.recipe.chain, "_veraid.team.example.com", &labels, key(EXAMPLE, 1));
        case.recipe.organisation.subject = common_name(bmp("team.example.com"));
        case.set_subject("alice@team.example.com");
    });
    let info = (
        "organisation-of-parent-name",
        SKIPPED,
        "The records of a subdomain are not those of the domain.",
    );
    suite.invalid("organisation-deep-name", info, "dnssec-txt-responses", |case| {
        case.recipe.organisation.subject[0][0].value = bmp("example.com");
    });
}

/// Adds cases like `jp`, which delegates `example.co.jp` without a zone `co.jp`.
fn add_skipped(suite: &mut Suite) {
    const SKIP: &str = "chain-delegation-skips-label";
    let info = (
        SKIP,
        SKIPPED,
        "A delegation may skip a label that is not a zone: jp delegates example.co.jp.",
    );
    suite.valid(CHAIN, info, |case| {
        let chain = &mut case.recipe.chain;
        (chain.zones[COM].name, chain.zones[EXAMPLE].name) =
            ("jp".to_owned(), "example.co.jp".to_owned());
        let zones = chain.zones.clone();
        chain.messages = vec![
            dnskey_message(&zones, ROOT, WINDOW),
            ds_message("jp", key(ROOT, 1), key(COM, 0), WINDOW),
            dnskey_message(&zones, COM, WINDOW),
            Message::new("co.jp", TYPE_DS, Vec::new()),
            Message::new("co.jp", TYPE_DNSKEY, Vec::new()),
            ds_message("example.co.jp", key(COM, 0), key(EXAMPLE, 0), WINDOW),
            dnskey_message(&zones, EXAMPLE, WINDOW),
        ];
        set_owner(chain, "_veraid.example.co.jp", &[], key(EXAMPLE, 1));
        case.context.owner = Some("_veraid.example.co.jp".to_owned());
        case.proof().zone = Some("example.co.jp.".to_owned());
        case.set_period("2026-11-20T00:00:00Z", "2026-12-04T00:00:00Z");
    });
    let info = (
        "chain-delegation-skips-zone",
        SKIPPED,
        "A delegation may not skip a zone: the root does not delegate example.co.jp.",
    );
    suite.invalid(SKIP, info, "dnssec-signer", |case| {
        case.recipe.chain.rrsig("example.co.jp", TYPE_DS).by = key(ROOT, 1);
    });
}

fn own_zone(case: &mut Case) {
    let chain = &mut case.recipe.chain;
    let owner = "_veraid.example.com";
    chain
        .zones
        .push(Zone { name: owner.to_owned(), keys: vec![ZoneKey::new("sub", ZoneKey::KSK)] });
    let zones = chain.zones.clone();
    chain.messages.retain(|message| message.name != owner);
    chain.messages.extend([
        ds_message(owner, key(EXAMPLE, 1), key(OWN, 0), WINDOW),
        dnskey_message(&zones, OWN, WINDOW),
        txt_message(owner, key(OWN, 0)),
    ]);
    case.proof().zone = Some("_veraid.example.com.".to_owned());
}

fn add_own_zone(suite: &mut Suite) {
    const OWN_ZONE: &str = "chain-zone-of-its-own";
    let info = (OWN_ZONE, DEEPEST, "The records may be in a zone of their own.");
    suite.valid(CHAIN, info, own_zone);
    let info = (
        "chain-zone-of-its-own-by-ancestor",
        DEEPEST,
        "An ancestor does not sign where a closer zone is authenticated.",
    );
    suite.invalid(OWN_ZONE, info, "dnssec-signer", |case| {
        case.recipe.chain.txt_rrsig().by = key(EXAMPLE, 1);
    });
    let info = (
        "chain-zone-of-its-own-undelegated",
        DEEPEST,
        "A zone signs nothing where its delegation is missing.",
    );
    suite.invalid(OWN_ZONE, info, "dnssec-signer", |case| {
        case.recipe
            .chain
            .messages
            .retain(|message| message.name != "_veraid.example.com" || message.kind != TYPE_DS);
    });
    let info = (
        "chain-zone-of-its-own-without-keys",
        DEEPEST,
        "A delegated zone's keys are in the chain; its parent does not sign in its place.",
    );
    suite.invalid(OWN_ZONE, info, "dnssec-response-missing", |case| {
        case.recipe
            .chain
            .messages
            .retain(|message| message.name != "_veraid.example.com" || message.kind != TYPE_DNSKEY);
    });
}

/// Adds a long chain with the most expensive algorithm in every zone.
fn add_all_of_p384(suite: &mut Suite) {
    let info = (
        "organisation-all-zones-p384",
        "chain-algorithms",
        "An organisation four zones deep, all of which sign with P-384.",
    );
    suite.valid(MEMBER, info, |case| {
        let chain = &mut case.recipe.chain;
        chain.zones.push(Zone {
            name: "team.example.com".to_owned(),
            keys: vec![ZoneKey::new("sub", ZoneKey::KSK)],
        });
        for key in chain.zones.iter_mut().flat_map(|zone| &mut zone.keys) {
            (key.key, key.algorithm) = ("zone-p384", 14);
        }
        let zones = chain.zones.clone();
        set_owner(chain, "_veraid.team.example.com", &[], key(OWN, 0));
        chain.messages.extend([
            ds_message("team.example.com", key(EXAMPLE, 1), key(OWN, 0), WINDOW),
            dnskey_message(&zones, OWN, WINDOW),
        ]);
        case.context.trust_anchors = vec![chain.anchor(0)];
        case.recipe.organisation.subject = common_name(bmp("team.example.com"));
        case.set_subject("alice@team.example.com");
    });
}
