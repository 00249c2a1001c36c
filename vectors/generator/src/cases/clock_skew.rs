//! Verifiers whose clock is behind the issuer's.

use super::base::{MEMBER, MEMBER_ID, ORGANISATION, SIGNATURE};
use crate::case::{Case, Window};
use crate::recipe::utc;
use crate::suite::{Suite, leak};

const RULE: &str = "time-clock-skew";
const BEFORE_START: &str = "clock-skew-before-start";

pub(crate) fn add(suite: &mut Suite) {
    add_signatures(suite);
    add_certificates(suite);
    add_chains(suite);
    add_other_kinds(suite);
}

/// Sets the skew in seconds, and the instant.
fn skewed(seconds: u64, at: &'static str) -> impl FnOnce(&mut Case) {
    move |case| {
        case.context.clock_skew = Some(seconds);
        case.set_at(at);
    }
}

fn add_signatures(suite: &mut Suite) {
    let info = (
        BEFORE_START,
        RULE,
        "A signature is valid before its start by the clock skew, and the result starts then.",
    );
    suite.valid(MEMBER, info, |case| {
        skewed(5, "2026-11-22T17:59:55Z")(case);
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "clock-skew-too-small",
        RULE,
        "A signature is not valid further before its start than the clock skew.",
    );
    suite.invalid(BEFORE_START, info, "signature-time", |case| case.context.clock_skew = Some(4));
    let info = (
        "clock-skew-millisecond-too-early",
        RULE,
        "A millisecond before that, a signature is not valid.",
    );
    suite.invalid(BEFORE_START, info, "signature-time", |case| {
        case.set_at("2026-11-22T17:59:54.999Z");
    });
    let info =
        ("clock-skew-at-end", RULE, "With a clock skew, a signature is valid until its end.");
    suite.valid(MEMBER, info, |case| {
        skewed(5, "2026-11-22T18:05:00Z")(case);
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "clock-skew-after-end",
        RULE,
        "A signature is not valid after its end, whatever the clock skew.",
    );
    suite.invalid("clock-skew-at-end", info, "signature-time", |case| {
        case.set_at("2026-11-22T18:05:00.001Z");
    });
    let info = ("clock-skew-of-5-minutes", RULE, "A clock skew is at most 5 minutes.");
    suite.valid(MEMBER, info, |case| {
        skewed(300, "2026-11-22T17:55:00Z")(case);
        case.set_period("2026-11-22T17:55:00Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "clock-skew-by-organisation",
        RULE,
        "The clock skew is for signatures by organisations, too.",
    );
    suite.valid(ORGANISATION, info, |case| {
        skewed(5, "2026-11-22T17:59:57Z")(case);
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "clock-skew-and-60-minutes",
        RULE,
        "The clock skew does not count towards the limit of 60 minutes.",
    );
    suite.valid(BEFORE_START, info, |case| {
        case.recipe.metadata().end = "20261122190000Z".to_owned();
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T19:00:00Z");
    });
}

fn add_certificates(suite: &mut Suite) {
    let (issued, late) = (utc("261122180305Z"), utc("261122180306Z"));
    for (role, code) in
        [("organisation", "organisation-certificate-time"), ("member", "member-certificate-time")]
    {
        let name = |end: &str| leak(format!("clock-skew-{role}-certificate-{end}"));
        let set = |case: &mut Case, not_before| match role {
            "organisation" => case.recipe.organisation.not_before = not_before,
            _ => case.recipe.member.not_before = not_before,
        };
        let valid = name("not-yet-valid");
        let info = (valid, RULE, "A certificate is valid before its start by the clock skew.");
        suite.valid(MEMBER, info, |case| {
            case.context.clock_skew = Some(5);
            set(case, issued.clone());
            case.set_period("2026-11-22T18:03:00Z", "2026-11-22T18:05:00Z");
        });
        let info = (
            name("too-early"),
            RULE,
            "A certificate is not valid further before its start than the clock skew.",
        );
        suite.invalid(valid, info, code, |case| set(case, late.clone()));
    }
    let info = ("clock-skew-certificate-at-end", RULE, "A certificate is valid until its end.");
    suite.valid(MEMBER, info, |case| {
        case.context.clock_skew = Some(5);
        case.recipe.member.not_after = utc("261122180300Z");
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T18:03:00Z");
    });
    let info = (
        "clock-skew-certificate-after-end",
        RULE,
        "A certificate is not valid after its end, whatever the clock skew.",
    );
    suite.invalid("clock-skew-certificate-at-end", info, "member-certificate-time", |case| {
        case.recipe.member.not_after = utc("261122180259Z");
    });
}

fn add_chains(suite: &mut Suite) {
    let info = (
        "clock-skew-chain-at-inception",
        RULE,
        "The result does not start before the signatures of the chain.",
    );
    suite.valid(MEMBER, info, |case| {
        skewed(300, "2026-11-22T17:58:00Z")(case);
        case.recipe.chain.txt_rrsig().inception = "20261122175800".to_owned();
        case.set_period("2026-11-22T17:58:00Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "clock-skew-chain-before-inception",
        RULE,
        "A signature of the chain is not valid before its inception, whatever the clock skew.",
    );
    suite.invalid("clock-skew-chain-at-inception", info, "dnssec-time", |case| {
        case.recipe.chain.txt_rrsig().inception = "20261122175801".to_owned();
    });
}

fn add_other_kinds(suite: &mut Suite) {
    let info = (
        "clock-skew-during",
        RULE,
        "A period that ends before the signature's start, by the clock skew, has an instant at which it is valid.",
    );
    suite.valid(SIGNATURE, info, |case| {
        case.context.at = None;
        case.context.clock_skew = Some(5);
        let (start, end) = ("2026-11-22T17:00:00Z".to_owned(), "2026-11-22T17:59:55Z".to_owned());
        case.context.during = Some(Window { start, end });
        case.set_period("2026-11-22T17:59:55Z", "2026-11-22T17:59:55Z");
    });
    let info = (
        "clock-skew-during-too-small",
        RULE,
        "A period that ends further before the signature's start does not overlap it.",
    );
    suite.invalid("clock-skew-during", info, "signature-time", |case| {
        case.context.clock_skew = Some(4);
    });
    let info = (
        "clock-skew-member-id",
        RULE,
        "The certificates of a member id bundle are valid before their start by the clock skew.",
    );
    suite.valid(MEMBER_ID, info, |case| {
        case.context.clock_skew = Some(5);
        case.recipe.member.not_before = utc("261122180305Z");
        case.set_period("2026-11-22T18:03:00Z", "2026-11-25T03:00:00Z");
    });
}
