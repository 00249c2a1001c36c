//! The records that are read from responses, and malformed responses.

use super::base::CHAIN;
use super::chain_messages::{OWNER, RESOLVED};
use crate::dns::{
    CLASS_CH, Damage, Ds, KeyRef, Rdata, Record, TYPE_A, TYPE_CNAME, TYPE_DNAME, TYPE_DNSKEY,
    TYPE_DS, TxtRdata, name_octets,
};
use crate::suite::Suite;

const FORM: &str = "chain-message-form";
const SECTIONS: &str = "chain-answer-sections";
const ALIAS: &str = "chain-aliases";

pub(crate) fn add(suite: &mut Suite) {
    add_sections(suite);
    add_aliases(suite);
    add_damage(suite);
}

fn unsigned() -> Record {
    Record::new(OWNER, Rdata::Txt(TxtRdata { strings: vec!["unsigned".to_owned()] }))
}

fn add_sections(suite: &mut Suite) {
    let info = (
        "chain-records-in-other-sections",
        SECTIONS,
        "Records in the authority and additional sections are ignored.",
    );
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.txt().authority.push(unsigned());
        case.recipe.chain.txt().additional.push(unsigned());
    });
    let info = (
        "chain-other-records-in-answer",
        SECTIONS,
        "Records of other names, types and classes in the answer are ignored.",
    );
    suite.valid(CHAIN, info, |case| {
        let address = Record::new(OWNER, Rdata::Other(TYPE_A, [192, 0, 2, 1].into()));
        let other = Record { owner: "example.com".to_owned(), ..unsigned() };
        case.recipe.chain.txt().answer.extend([
            address,
            other,
            Record { class: CLASS_CH, ..unsigned() },
        ]);
    });
    let info = (
        "chain-signature-in-authority",
        SECTIONS,
        "A signature in the authority section does not count.",
    );
    suite.valid(
        CHAIN,
        (
            "chain-signature-in-both-sections",
            SECTIONS,
            "A signature may also be in the authority section.",
        ),
        |case| {
            let message = case.recipe.chain.txt();
            message.authority.clone_from(&message.answer);
        },
    );
    suite.invalid("chain-signature-in-both-sections", info, "dnssec-unsigned", |case| {
        drop(case.recipe.chain.txt().answer.pop());
    });
    let info = (
        "chain-ds-in-answer-of-another-question",
        SECTIONS,
        "Records count in the response to their own question alone.",
    );
    suite.valid(CHAIN, info, |case| {
        let ds = Record::new("example.com", Rdata::Ds(Ds::new(KeyRef { zone: 2, key: 1 })));
        case.recipe.chain.message("com", TYPE_DS).answer.push(ds);
    });
}

fn add_aliases(suite: &mut Suite) {
    for (name, shows, owner, kind) in [
        ("chain-cname", "A CNAME in the TXT answer is rejected.", OWNER, TYPE_CNAME),
        ("chain-dname", "A DNAME in the TXT answer is rejected.", "example.com", TYPE_DNAME),
    ] {
        suite.invalid(CHAIN, (name, ALIAS, shows), "dnssec-alias", |case| {
            let data = Rdata::Other(kind, name_octets("example.org").into());
            case.recipe.chain.txt().answer.insert(0, Record::new(owner, data));
        });
    }
}

fn add_damage(suite: &mut Suite) {
    const CODE: &str = "dnssec-message-malformed";
    for (name, shows, damage) in [
        (
            "chain-message-cut",
            "A message that ends within a record makes the chain invalid.",
            Damage::Cut(1),
        ),
        (
            "chain-message-header-alone",
            "A message without its question makes the chain invalid.",
            Damage::CutTo(12),
        ),
        (
            "chain-message-header-cut",
            "A message that ends within its header makes the chain invalid.",
            Damage::CutTo(11),
        ),
        ("chain-message-empty", "An empty message makes the chain invalid.", Damage::CutTo(0)),
        (
            "chain-message-trailing-octet",
            "A message with an octet after its last record makes the chain invalid.",
            Damage::Append([0].into()),
        ),
        (
            "chain-message-no-question",
            "A message without a question makes the chain invalid.",
            Damage::QuestionCount(0),
        ),
        (
            "chain-message-two-questions",
            "A message with two questions makes the chain invalid.",
            Damage::QuestionCount(2),
        ),
        (
            "chain-message-missing-answer",
            "A message with fewer answers than its header states makes the chain invalid.",
            Damage::AnswerCount(3),
        ),
        (
            "chain-message-surplus-answer",
            "A message with more answers than its header states makes the chain invalid.",
            Damage::AnswerCount(1),
        ),
        (
            "chain-message-long-label",
            "A message with a label of an unknown type makes the chain invalid.",
            Damage::Octet(12, 0x80),
        ),
    ] {
        suite.invalid(CHAIN, (name, FORM, shows), CODE, |case| {
            case.recipe.chain.txt().damage = Some(damage);
        });
    }
    let info = (
        "chain-unneeded-message-cut",
        FORM,
        "A malformed message makes the chain invalid, even if nothing needs it.",
    );
    suite.invalid(CHAIN, info, CODE, |case| {
        case.recipe.chain.message(OWNER, TYPE_DNSKEY).damage = Some(Damage::Cut(1));
    });
    // The first owner of the answer section follows the question, at octet 37, and is a pointer.
    for (name, shows, octet) in [
        (
            "chain-message-pointer-to-itself",
            "A name that points to itself makes the chain invalid.",
            37,
        ),
        (
            "chain-message-pointer-forward",
            "A name that points forward makes the chain invalid.",
            60,
        ),
    ] {
        suite.invalid(RESOLVED, (name, FORM, shows), CODE, |case| {
            case.recipe.chain.txt().damage = Some(Damage::Octet(38, octet));
        });
    }
}
