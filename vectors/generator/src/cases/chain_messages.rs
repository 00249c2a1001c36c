//! The responses of a chain: missing, redundant and malformed ones.

use super::base::CHAIN;
use crate::case::Case;
use crate::dns::{
    CLASS_CH, Chain, Message, Rdata, Record, TYPE_DNSKEY, TYPE_DS, TYPE_NSEC, TYPE_OPT, TYPE_SOA,
    TYPE_TXT, name_octets,
};
use crate::suite::Suite;

const MESSAGES: &str = "chain-messages";
const TXT: &str = "chain-txt-response";
const FIRST: &str = "chain-first-response";
pub(super) const OWNER: &str = "_veraid.example.com";
pub(super) const RESOLVED: &str = "chain-as-resolvers-respond";

pub(crate) fn add(suite: &mut Suite) {
    add_styles(suite);
    add_absent(suite);
    add_txt(suite);
    add_first(suite);
}

fn add_styles(suite: &mut Suite) {
    let info = (
        RESOLVED,
        MESSAGES,
        "Responses as resolvers give them: compressed names, flags, OPT with padding, NODATA with SOA and NSEC.",
    );
    suite.valid(CHAIN, info, |case| as_resolvers_respond(&mut case.recipe.chain));
    let info = (
        "chain-non-existent-names",
        MESSAGES,
        "A name that is not a zone may have NXDOMAIN responses.",
    );
    suite.valid(CHAIN, info, |case| {
        for kind in [TYPE_DS, TYPE_DNSKEY] {
            case.recipe.chain.message(OWNER, kind).flags |= 3;
        }
    });
    let info = (
        "chain-without-empty-responses",
        MESSAGES,
        "Responses about names that are not zones may be left out.",
    );
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.messages.retain(|message| !message.answer.is_empty());
    });
    let info = ("chain-root-ds", MESSAGES, "A response about DS of the root is ignored.");
    suite.valid(CHAIN, info, |case| {
        let ds = Record::new(".", Rdata::Other(TYPE_DS, vec![0; 36].into()));
        case.recipe.chain.messages.insert(0, Message::new(".", TYPE_DS, vec![ds]));
    });
    let info = ("chain-names-in-any-case", MESSAGES, "Names are matched in any case.");
    suite.valid(CHAIN, info, |case| {
        for message in &mut case.recipe.chain.messages {
            message.name = message.name.to_uppercase();
            message
                .answer
                .iter_mut()
                .for_each(|record| record.owner = record.owner.replace("com", "cOm"));
        }
    });
    let info = (
        "chain-responses-about-others",
        MESSAGES,
        "Responses about other names are ignored, and so are those in another class.",
    );
    suite.valid(CHAIN, info, |case| {
        let mut chaos = case.recipe.chain.txt().clone();
        chaos.class = CLASS_CH;
        let org = Message::new(
            "org",
            TYPE_DNSKEY,
            vec![Record::new("org", Rdata::Other(TYPE_DNSKEY, vec![0; 4].into()))],
        );
        let other = Message { name: "_veraid.example.org".to_owned(), ..chaos.clone() };
        case.recipe.chain.messages.extend([chaos, org, other]);
    });
}

/// Sets QR, RD, RA, AD and CD, the case of the question, and the proof of absence.
fn as_resolvers_respond(chain: &mut Chain) {
    let padding = [&[0, 12, 0, 16], [0; 16].as_slice()].concat();
    for message in &mut chain.messages {
        message.flags = 0x81b0;
        message.compressed = true;
        let opt = Record {
            class: 1232,
            ttl: 0x8000,
            ..Record::new("", Rdata::Other(TYPE_OPT, padding.clone().into()))
        };
        message.additional.push(opt);
        if message.answer.is_empty() {
            let soa = [name_octets("ns.example.com"), name_octets("root.example.com"), vec![0; 20]]
                .concat();
            let nsec = [name_octets("a.example.com"), vec![0, 2, 0, 0x40]].concat();
            let data = [Rdata::Other(TYPE_SOA, soa.into()), Rdata::Other(TYPE_NSEC, nsec.into())];
            message.authority.extend(data.map(|data| Record::new("example.com", data)));
        }
    }
}

fn remove(name: &'static str, kind: u16) -> impl FnOnce(&mut Case) {
    move |case| {
        case.recipe.chain.messages.retain(|message| message.name != name || message.kind != kind);
    }
}

fn add_absent(suite: &mut Suite) {
    for (name, shows, of, kind, code) in [
        (
            "chain-no-root-dnskey",
            "The keys of the root are required.",
            ".",
            TYPE_DNSKEY,
            "dnssec-response-missing",
        ),
        (
            "chain-no-com-ds",
            "Without the delegation of com, the root would have to sign what is below.",
            "com",
            TYPE_DS,
            "dnssec-signer",
        ),
        (
            "chain-no-com-dnskey",
            "The keys of a zone that is delegated are required.",
            "com",
            TYPE_DNSKEY,
            "dnssec-response-missing",
        ),
        (
            "chain-no-zone-ds",
            "Without the delegation of the zone, its parent would have to sign the records.",
            "example.com",
            TYPE_DS,
            "dnssec-signer",
        ),
        (
            "chain-no-zone-dnskey",
            "The keys of the zone are required.",
            "example.com",
            TYPE_DNSKEY,
            "dnssec-response-missing",
        ),
    ] {
        suite.invalid(CHAIN, (name, MESSAGES, shows), code, remove(of, kind));
    }
    let info = ("chain-empty", MESSAGES, "An empty chain proves nothing.");
    suite.invalid(CHAIN, info, "dnssec-txt-responses", |case| case.recipe.chain.messages.clear());
}

fn add_txt(suite: &mut Suite) {
    let info = ("chain-no-txt", TXT, "The response about the TXT records is required.");
    suite.invalid(CHAIN, info, "dnssec-txt-responses", remove(OWNER, TYPE_TXT));
    let info = (
        "chain-two-txt",
        TXT,
        "There is one response about the TXT records, even if both are the same.",
    );
    suite.invalid(CHAIN, info, "dnssec-txt-responses", |case| {
        let again = case.recipe.chain.txt().clone();
        case.recipe.chain.messages.push(again);
    });
    let info = ("chain-two-txt-in-other-case", TXT, "A name in another case is the same name.");
    suite.invalid(CHAIN, info, "dnssec-txt-responses", |case| {
        let again = Message { name: OWNER.to_uppercase(), ..case.recipe.chain.txt().clone() };
        case.recipe.chain.messages.push(again);
    });
    let info = (
        "chain-second-txt-an-error",
        TXT,
        "There is one response about the TXT records, even if another one is an error.",
    );
    suite.invalid(CHAIN, info, "dnssec-txt-responses", |case| {
        case.recipe
            .chain
            .messages
            .push(Message { flags: 2, ..Message::new(OWNER, TYPE_TXT, Vec::new()) });
    });
    for (name, code) in
        [("chain-txt-server-failure", 2), ("chain-txt-non-existent", 3), ("chain-txt-refused", 5)]
    {
        let info = (name, TXT, "The code of the response about the TXT records is NOERROR.");
        suite.invalid(CHAIN, info, "dnssec-response-code", |case| {
            case.recipe.chain.txt().flags = code;
        });
    }
    let info = ("chain-txt-no-records", TXT, "The response about the TXT records has records.");
    suite.invalid(CHAIN, info, "dnssec-no-records", |case| case.recipe.chain.txt().answer.clear());
    let info = ("chain-txt-of-another-name", TXT, "The records are those of the name.");
    suite.invalid(CHAIN, info, "dnssec-no-records", |case| {
        case.recipe.chain.txt().answer[0].owner = "_veraid.example.org".to_owned();
    });
    let info = ("chain-txt-of-another-class", TXT, "The records are of class IN.");
    suite.invalid(CHAIN, info, "dnssec-no-records", |case| {
        case.recipe.chain.txt().answer[0].class = CLASS_CH;
    });
}

/// Inserts an empty response about the zone before the existing one.
fn insert_empty_response(kind: u16, code: u16) -> impl FnOnce(&mut Case) {
    move |case| {
        let empty = Message { flags: code, ..Message::new("example.com", kind, Vec::new()) };
        case.recipe.chain.messages.insert(0, empty);
    }
}

fn add_first(suite: &mut Suite) {
    for (name, shows, kind, code) in [
        (
            "chain-dnskey-after-failure",
            "A DNSKEY response with an error code does not count.",
            TYPE_DNSKEY,
            2,
        ),
        ("chain-ds-after-failure", "A DS response with an error code does not count.", TYPE_DS, 2),
        ("chain-ds-after-non-existence", "A DS response with NXDOMAIN does not count.", TYPE_DS, 3),
    ] {
        suite.valid(CHAIN, (name, FIRST, shows), insert_empty_response(kind, code));
    }
    let info =
        ("chain-dnskey-second", FIRST, "Of two DNSKEY responses with NOERROR, the first counts.");
    suite.invalid(CHAIN, info, "dnssec-no-records", insert_empty_response(TYPE_DNSKEY, 0));
    let info = ("chain-ds-second", FIRST, "Of two DS responses with NOERROR, the first counts.");
    suite.invalid(CHAIN, info, "dnssec-signer", insert_empty_response(TYPE_DS, 0));
    let info =
        ("chain-dnskey-twice", FIRST, "A second DNSKEY response with NOERROR does not count.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.messages.push(Message::new("example.com", TYPE_DNSKEY, Vec::new()));
    });
    for (name, kind, error) in [
        ("chain-zone-dnskey-failure", TYPE_DNSKEY, "dnssec-response-missing"),
        ("chain-zone-ds-failure", TYPE_DS, "dnssec-signer"),
    ] {
        let info =
            (name, FIRST, "A response with an error code does not count, whatever its records.");
        suite.invalid(CHAIN, info, error, |case| {
            case.recipe.chain.message("example.com", kind).flags = 2;
        });
    }
}
