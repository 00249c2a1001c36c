//! The TXT records that publish an organisation's key.

use super::base::{MEMBER, SIGNATURE};
use crate::case::Case;
use crate::dns::{Rdata, Record, TxtRdata};
use crate::suite::Suite;

const SPECIFIED: &str = "txt-specified-form";
const DEPLOYED: &str = "txt-deployed-form";
const FIELDS: &str = "txt-fields";
const OVERRIDE: &str = "txt-ttl-override";
const CHOICE: &str = "txt-choice";
const SERVICE: &str = "txt-service";
const UNPUBLISHED: &str = "key-not-published";

pub(crate) fn add(suite: &mut Suite) {
    add_valid_forms(suite);
    add_rejected(suite);
    add_services(suite);
    add_sibling_records(suite);
    add_choices(suite);
}

/// Sets the only record to one string.
fn record(template: &'static str) -> impl FnOnce(&mut Case) {
    move |case| template.clone_into(&mut case.recipe.chain.txt_strings()[0])
}

/// Adds a record before the existing one.
fn add_record(case: &mut Case, strings: &[&str]) {
    let strings = strings.iter().map(|string| (*string).to_owned()).collect();
    let record = Record::new("_veraid.example.com", Rdata::Txt(TxtRdata { strings }));
    case.recipe.chain.txt().answer.insert(0, record);
}

fn add_valid_forms(suite: &mut Suite) {
    for (name, rule, shows, template) in [
        (
            "txt-specified-sha256",
            SPECIFIED,
            "The specified form: the type of the key id, then the id without padding.",
            "1 1 {sha256} 3600",
        ),
        (
            "txt-specified-sha384",
            SPECIFIED,
            "In the specified form, any hash goes with any algorithm.",
            "1 2 {sha384} 3600",
        ),
        (
            "txt-specified-sha512",
            SPECIFIED,
            "In the specified form, any hash goes with any algorithm.",
            "1 3 {sha512} 3600",
        ),
        (
            "txt-spaces-and-tabs",
            FIELDS,
            "Fields are separated by any spaces and tabs, which may be at both ends.",
            " \t1\t{sha256-padded}  \t 3600\t ",
        ),
        (
            "txt-specified-spaces-and-tabs",
            FIELDS,
            "So they are in the specified form.",
            "\t1  1\t\t{sha256} \t3600 ",
        ),
        (
            "txt-least-override",
            OVERRIDE,
            "A TTL override may be 1; at an instant, it has no effect.",
            "1 {sha256-padded} 1",
        ),
        (
            "txt-most-override",
            OVERRIDE,
            "A TTL override may be 7,776,000: 90 days.",
            "1 {sha256-padded} 7776000",
        ),
        (
            "txt-bound-to-kliento",
            SERVICE,
            "A record may be bound to the service.",
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.0",
        ),
        (
            "txt-specified-bound-to-kliento",
            SERVICE,
            "So may one in the specified form.",
            "1 1 {sha256} 3600 1.3.6.1.4.1.58708.3.0",
        ),
    ] {
        suite.valid(MEMBER, (name, rule, shows), record(template));
    }
}

/// Name, rule, description, and the record's template.
const REJECTED: [(&str, &str, &str, &str); 28] = [
    ("txt-empty", FIELDS, "An empty record is not a VeraId record.", ""),
    ("txt-blank", FIELDS, "A blank record is not a VeraId record.", "  "),
    ("txt-no-override", FIELDS, "A TTL override is required.", "1 {sha256-padded}"),
    (
        "txt-surplus-field",
        FIELDS,
        "Nothing follows the service.",
        "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.0 x",
    ),
    (
        "txt-specified-surplus-field",
        FIELDS,
        "Nothing follows the service, in the specified form either.",
        "1 1 {sha256} 3600 1.3.6.1.4.1.58708.3.0 x",
    ),
    (
        "txt-commas",
        FIELDS,
        "Fields are separated by spaces and tabs, not commas.",
        "1,{sha256-padded},3600",
    ),
    ("txt-no-break-space", FIELDS, "The separators are ASCII.", "1\u{a0}{sha256-padded} 3600"),
    ("txt-algorithm-0", DEPLOYED, "There is no algorithm 0.", "0 {sha256-padded} 3600"),
    ("txt-algorithm-4", DEPLOYED, "There is no algorithm 4.", "4 {sha256-padded} 3600"),
    ("txt-algorithm-01", DEPLOYED, "An algorithm is one digit.", "01 {sha256-padded} 3600"),
    (
        "txt-algorithm-of-another-size",
        DEPLOYED,
        "The algorithm is the one of the key's size.",
        "2 {sha384-padded} 3600",
    ),
    (
        "txt-hash-of-another-size",
        DEPLOYED,
        "In the deployed form, the hash is the one of the algorithm.",
        "1 {sha384-padded} 3600",
    ),
    (
        "txt-unpadded",
        DEPLOYED,
        "In the deployed form, the key id has its padding.",
        "1 {sha256} 3600",
    ),
    (
        "txt-key-id-hexadecimal",
        DEPLOYED,
        "A key id is in Base64.",
        "1 47dec51098fc1c149afbf4c8996fb924 3600",
    ),
    (
        "txt-another-key",
        DEPLOYED,
        "A record publishes the key whose digest it has.",
        "1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= 3600",
    ),
    (
        "txt-specified-padded",
        SPECIFIED,
        "In the specified form, the key id has no padding.",
        "1 1 {sha256-padded} 3600",
    ),
    ("txt-specified-type-0", SPECIFIED, "There is no key id type 0.", "1 0 {sha256} 3600"),
    ("txt-specified-type-4", SPECIFIED, "There is no key id type 4.", "1 4 {sha256} 3600"),
    (
        "txt-specified-type-of-another-hash",
        SPECIFIED,
        "A key id is as long as the digests of its type.",
        "1 2 {sha256} 3600",
    ),
    (
        "txt-specified-algorithm-of-another-size",
        SPECIFIED,
        "The algorithm is the one of the key's size, in the specified form, too.",
        "2 1 {sha256} 3600",
    ),
    ("txt-override-0", OVERRIDE, "A TTL override is not 0.", "1 {sha256-padded} 0"),
    (
        "txt-override-7776001",
        OVERRIDE,
        "A TTL override is not above 7,776,000.",
        "1 {sha256-padded} 7776001",
    ),
    (
        "txt-override-beyond-64-bits",
        OVERRIDE,
        "A TTL override does not wrap around.",
        "1 {sha256-padded} 18446744073709555216",
    ),
    (
        "txt-override-plus",
        OVERRIDE,
        "A TTL override is of digits, without a sign.",
        "1 {sha256-padded} +3600",
    ),
    ("txt-override-minus", OVERRIDE, "A TTL override is not negative.", "1 {sha256-padded} -3600"),
    (
        "txt-override-fraction",
        OVERRIDE,
        "A TTL override has no fraction.",
        "1 {sha256-padded} 3600.5",
    ),
    (
        "txt-override-hexadecimal",
        OVERRIDE,
        "A TTL override is in decimal.",
        "1 {sha256-padded} 0xe10",
    ),
    ("txt-override-unit", OVERRIDE, "A TTL override has no unit.", "1 {sha256-padded} 1h"),
];

fn add_rejected(suite: &mut Suite) {
    for (name, rule, shows, template) in REJECTED {
        suite.invalid(MEMBER, (name, rule, shows), UNPUBLISHED, record(template));
    }
    let info = (
        "txt-two-strings",
        FIELDS,
        "A record of two character-strings is not a VeraId record, even if one is empty.",
    );
    suite.invalid(MEMBER, info, UNPUBLISHED, |case| {
        case.recipe.chain.txt_strings().push(String::new());
    });
}

fn add_services(suite: &mut Suite) {
    for (name, shows, template) in [
        (
            "txt-bound-to-another-service",
            "A record that is bound to another service does not count.",
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.1.1",
        ),
        (
            "txt-bound-to-parent-of-service",
            "A service is not bound by one that it starts with.",
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3",
        ),
        (
            "txt-service-no-oid",
            "A service is an object identifier.",
            "1 {sha256-padded} 3600 kliento",
        ),
        (
            "txt-service-leading-zero",
            "An object identifier has no leading zeros.",
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.00",
        ),
        (
            "txt-service-final-dot",
            "An object identifier has no final dot.",
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.0.",
        ),
    ] {
        suite.invalid(MEMBER, (name, SERVICE, shows), UNPUBLISHED, record(template));
    }
    let info = (
        "txt-bound-to-kliento-for-test-service",
        SERVICE,
        "A record that is bound to Kliento does not count for another service.",
    );
    suite.invalid(
        SIGNATURE,
        info,
        UNPUBLISHED,
        record("1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.0"),
    );
}

fn add_sibling_records(suite: &mut Suite) {
    let add_strings =
        |strings: &'static [&'static str]| move |case: &mut Case| add_record(case, strings);
    for (name, shows, strings) in [
        ("txt-beside-other-text", "A malformed record is ignored.", &["v=spf1 -all"][..]),
        (
            "txt-beside-two-strings",
            "A record of several character-strings is ignored.",
            &["1 {sha256-padded} ", "60"],
        ),
        ("txt-beside-no-string", "A record of no character-string is ignored.", &[]),
        ("txt-beside-empty-string", "An empty record is ignored.", &[""]),
        (
            "txt-beside-another-key",
            "A record of another key is ignored.",
            &["1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= 3600"],
        ),
        (
            "txt-beside-another-service",
            "A record for another service is ignored.",
            &["1 {sha256-padded} 60 1.3.6.1.4.1.58708.1.1"],
        ),
        ("txt-beside-same", "The same record again is one record.", &["1 {sha256-padded} 3600"]),
        (
            "txt-bound-beside-unbound",
            "A record that is bound to the service takes precedence over one that is not.",
            &["1 {sha256-padded} 60 1.3.6.1.4.1.58708.3.0"],
        ),
    ] {
        suite.valid(MEMBER, (name, CHOICE, shows), add_strings(strings));
    }
    let info = ("txt-beside-not-utf-8", CHOICE, "A record that is not UTF-8 is ignored.");
    suite.valid(MEMBER, info, |case| {
        let record = Rdata::Other(16, b"\x02\xff\xfe".to_vec().into());
        case.recipe.chain.txt().answer.insert(0, Record::new("_veraid.example.com", record));
    });
}

fn add_choices(suite: &mut Suite) {
    const CODE: &str = "key-published-twice";
    const BOUND: &str = "txt-bound-to-kliento";
    let info = (
        "txt-two-unbound",
        CHOICE,
        "Two records for any service make the bundle invalid if none is bound to the service.",
    );
    suite.invalid(MEMBER, info, CODE, |case| add_record(case, &["1 {sha256-padded} 60"]));
    let info = (
        "txt-two-unbound-of-both-forms",
        CHOICE,
        "Two records of different forms are two records.",
    );
    suite.invalid(MEMBER, info, CODE, |case| add_record(case, &["1 1 {sha256} 3600"]));
    let info = (
        "txt-two-bound",
        CHOICE,
        "Two records that are bound to the service make the bundle invalid.",
    );
    suite.invalid(BOUND, info, CODE, |case| {
        add_record(case, &["1 {sha256-padded} 60 1.3.6.1.4.1.58708.3.0"]);
    });
    let info = (
        "txt-bound-beside-two-unbound",
        CHOICE,
        "A record that is bound to the service takes precedence over any number that are not.",
    );
    suite.valid(BOUND, info, |case| {
        add_record(case, &["1 {sha256-padded} 60"]);
        add_record(case, &["1 {sha256-padded} 61"]);
    });
}
