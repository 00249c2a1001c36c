//! Verification over a period instead of an instant.

use super::base::SIGNATURE;
use crate::case::{Case, Window};
use crate::dns::{Rdata, Record, TYPE_DNSKEY, TYPE_TXT, TxtRdata};
use crate::suite::Suite;

const RULE: &str = "period";
const OVERRIDE: &str = "period-ttl-override";
const DURING: &str = "during-two-hours";

pub(crate) fn add(suite: &mut Suite) {
    let info =
        (DURING, RULE, "A signature that is valid for a part of the period is valid in that part.");
    suite.valid(SIGNATURE, info, |case| {
        set_period(case, "2026-11-22T17:00:00Z", "2026-11-22T19:00:00Z");
    });
    add_windows(suite);
    add_overlaps(suite);
    add_overrides(suite);
}

fn set_period(case: &mut Case, start: &str, end: &str) {
    case.context.at = None;
    case.context.during = Some(Window { start: start.to_owned(), end: end.to_owned() });
}

fn window(case: &mut Case) -> &mut Window {
    case.context.during.as_mut().expect("the case is about a period")
}

fn add_windows(suite: &mut Suite) {
    const TOUCHES_END: &str = "during-from-last-second";
    const TOUCHES_START: &str = "during-to-first-second";
    let info =
        (TOUCHES_END, RULE, "One second is enough: the period starts when the signature ends.");
    suite.valid(DURING, info, |case| {
        set_period(case, "2026-11-22T18:05:00Z", "2026-11-22T18:30:00Z");
        case.set_period("2026-11-22T18:05:00Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "during-from-second-after",
        RULE,
        "A period that starts a second after the signature's end does not overlap it.",
    );
    suite.invalid(TOUCHES_END, info, "signature-time", |case| {
        window(case).start = "2026-11-22T18:05:01Z".to_owned();
    });
    let info =
        (TOUCHES_START, RULE, "One second is enough: the period ends when the signature starts.");
    suite.valid(DURING, info, |case| {
        set_period(case, "2026-11-22T17:00:00Z", "2026-11-22T18:00:00Z");
        case.set_period("2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z");
    });
    let info = (
        "during-to-second-before",
        RULE,
        "A period that ends a second before the signature's start does not overlap it.",
    );
    suite.invalid(TOUCHES_START, info, "signature-time", |case| {
        window(case).end = "2026-11-22T17:59:59Z".to_owned();
    });
    let info = ("during-cut", RULE, "The result lies within the period.");
    suite.valid(DURING, info, |case| {
        set_period(case, "2026-11-22T18:01:00Z", "2026-11-22T18:02:00Z");
        case.set_period("2026-11-22T18:01:00Z", "2026-11-22T18:02:00Z");
    });
}

fn add_overlaps(suite: &mut Suite) {
    const OWNER: &str = "_veraid.example.com";
    const ONE_SECOND: &str = "during-overlap-of-one-second";
    let info =
        (ONE_SECOND, RULE, "All parts are valid at the same time for one second, which is enough.");
    suite.valid(DURING, info, |case| {
        case.recipe.chain.rrsig(".", TYPE_DNSKEY).expiration = "20261122180200".to_owned();
        case.recipe.chain.rrsig(OWNER, TYPE_TXT).inception = "20261122180200".to_owned();
        case.set_period("2026-11-22T18:02:00Z", "2026-11-22T18:02:00Z");
    });
    let info = (
        "during-no-overlap",
        RULE,
        "Two signatures of the chain that are valid in the period, but never at the same time, are rejected.",
    );
    suite.invalid(ONE_SECOND, info, "dnssec-time", |case| {
        case.recipe.chain.rrsig(OWNER, TYPE_TXT).inception = "20261122180201".to_owned();
    });
    let info = (
        "during-overlap-with-metadata",
        RULE,
        "The chain and the signature are valid at the same time for one second, which is enough.",
    );
    suite.valid(DURING, info, |case| {
        case.recipe.chain.rrsig(OWNER, TYPE_TXT).expiration = "20261122180000".to_owned();
        case.set_period("2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z");
    });
    let info = (
        "during-no-overlap-with-metadata",
        RULE,
        "A chain that ends before the signature starts is rejected.",
    );
    suite.invalid("during-overlap-with-metadata", info, "dnssec-time", |case| {
        case.recipe.chain.rrsig(OWNER, TYPE_TXT).expiration = "20261122175959".to_owned();
    });
}

fn add_overrides(suite: &mut Suite) {
    const CHAIN_TOUCHES: &str = "during-override-reaches-chain";
    const ENOUGH: &str = "during-override-reaches";
    const BOUND: &str = "during-override-of-bound-record";
    let record = |template: &'static str| {
        move |case: &mut Case| template.clone_into(&mut case.recipe.chain.txt_strings()[0])
    };
    let info = (
        ENOUGH,
        OVERRIDE,
        "All parts were valid until 3,300 s before the end of the period, which is the TTL override.",
    );
    suite.valid(DURING, info, |case| {
        record("1 {sha256-padded} 3300")(case);
        case.set_period("2026-11-22T18:05:00Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "during-override-misses",
        OVERRIDE,
        "What was last valid more than the TTL override before the end of the period does not count.",
    );
    suite.invalid(ENOUGH, info, "ttl-override", record("1 {sha256-padded} 3299"));
    let info = (
        "during-override-of-one-second",
        OVERRIDE,
        "A TTL override of one second leaves the last two instants.",
    );
    suite.valid(DURING, info, |case| {
        record("1 {sha256-padded} 1")(case);
        set_period(case, "2026-11-22T17:00:00Z", "2026-11-22T18:04:00Z");
        case.set_period("2026-11-22T18:03:59Z", "2026-11-22T18:04:00Z");
    });
    let info = (
        CHAIN_TOUCHES,
        OVERRIDE,
        "The chain is last valid exactly the TTL override before the end of the period.",
    );
    suite.valid(DURING, info, |case| {
        record("1 {sha256-padded} 3480")(case);
        case.recipe.chain.txt_rrsig().expiration = "20261122180200".to_owned();
        case.set_period("2026-11-22T18:02:00Z", "2026-11-22T18:02:00Z");
    });
    let info = (
        "during-override-misses-chain",
        OVERRIDE,
        "A chain that ended more than the TTL override before the end of the period does not count.",
    );
    suite.invalid(CHAIN_TOUCHES, info, "no-instant", |case| {
        case.recipe.chain.txt_rrsig().expiration = "20261122180159".to_owned();
    });
    let info = (
        BOUND,
        OVERRIDE,
        "The TTL override is that of the record for the service, not that of the one for any.",
    );
    suite.valid(DURING, info, |case| {
        let strings = vec!["1 {sha256-padded} 60".to_owned()];
        let unbound = Record::new("_veraid.example.com", Rdata::Txt(TxtRdata { strings }));
        record("1 {sha256-padded} 7200 1.3.6.1.4.1.58708.1.1")(case);
        case.recipe.chain.txt().answer.insert(1, unbound);
    });
    let info = (
        "during-override-of-bound-record-misses",
        OVERRIDE,
        "A short TTL override of the record for the service counts, however long the other one's is.",
    );
    suite.invalid(DURING, info, "ttl-override", |case| {
        let strings = vec!["1 {sha256-padded} 60 1.3.6.1.4.1.58708.1.1".to_owned()];
        let bound = Record::new("_veraid.example.com", Rdata::Txt(TxtRdata { strings }));
        case.recipe.chain.txt().answer.insert(0, bound);
    });
}
