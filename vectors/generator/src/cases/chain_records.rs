//! The octets that signatures cover, and invalid signatures next to valid ones.

use super::base::CHAIN;
use super::chain_signatures::{OWNER, SIGNATURE, rrsig, txt};
use crate::case::Case;
use crate::dns::{KeyRef, Rdata, Record, Rrsig, Signed, TYPE_DS, TYPE_TXT, TxtRdata};
use crate::suite::Suite;

const CANONICAL: &str = "chain-canonical-form";
const LABELS: &str = "chain-labels";
const SKIPPED: &str = "chain-other-signatures";
const ZSK: KeyRef = KeyRef { zone: 2, key: 1 };

type RrsigChange = fn(&mut Rrsig);

pub(crate) fn add(suite: &mut Suite) {
    add_canonical(suite);
    add_covered(suite);
    add_labels(suite);
    add_skipped(suite);
}

fn record(string: &str) -> Record {
    Record::new(OWNER, Rdata::Txt(TxtRdata { strings: vec![string.to_owned()] }))
}

fn expect_record(case: &mut Case, string: &str) {
    case.proof().records.get_or_insert_default().push(vec![string.to_owned()]);
}

fn add_canonical(suite: &mut Suite) {
    const UNSORTED: &str = "chain-records-unsorted";
    const CAPITALS: &str = "chain-owner-in-capitals";
    const SIGNER_CAPITALS: &str = "chain-signer-in-capitals";
    const CACHED: &str = "chain-ttl-of-cache";
    let info = (
        UNSORTED,
        CANONICAL,
        "Records may be in any order; the signature covers them in canonical order.",
    );
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.txt().answer.insert(0, record("z is longer, but the first octet counts"));
        case.recipe.chain.txt().answer.insert(0, record("a"));
        case.recipe.chain.txt().answer.swap(0, 1);
        expect_record(case, "a");
        expect_record(case, "z is longer, but the first octet counts");
    });
    let info = (
        "chain-signature-over-unsorted",
        CANONICAL,
        "A signature over the records in another order is invalid.",
    );
    suite.invalid(UNSORTED, info, "dnssec-signature", txt(|rrsig| rrsig.signed = Signed::AsListed));
    let info = ("chain-records-twice", CANONICAL, "A record that occurs twice is one record.");
    suite.valid(CHAIN, info, |case| {
        let again = case.recipe.chain.txt().answer[0].clone();
        case.recipe.chain.txt().answer.insert(0, again);
    });
    let info = (
        "chain-signature-over-duplicates",
        CANONICAL,
        "A signature over a record twice is invalid.",
    );
    suite.invalid(
        "chain-records-twice",
        info,
        "dnssec-signature",
        txt(|rrsig| rrsig.signed = Signed::AsListed),
    );
    let info = (CAPITALS, CANONICAL, "The signature covers the owner's name in lower case.");
    suite.valid(CHAIN, info, |case| {
        case.recipe
            .chain
            .txt()
            .answer
            .iter_mut()
            .for_each(|record| record.owner = OWNER.to_uppercase());
    });
    let info = (
        "chain-signature-over-capitals",
        CANONICAL,
        "A signature over the owner's name in capitals is invalid.",
    );
    suite.invalid(
        CAPITALS,
        info,
        "dnssec-signature",
        txt(|rrsig| rrsig.signed = Signed::OwnerAsWritten),
    );
    let info =
        (SIGNER_CAPITALS, CANONICAL, "The signature covers the signer's name in lower case.");
    suite.valid(CHAIN, info, txt(|rrsig| rrsig.signer = Some("EXAMPLE.com".to_owned())));
    let info = (
        "chain-signature-over-signer-in-capitals",
        CANONICAL,
        "A signature over the signer's name in capitals is invalid.",
    );
    suite.invalid(
        SIGNER_CAPITALS,
        info,
        "dnssec-signature",
        txt(|rrsig| rrsig.signed = Signed::SignerAsWritten),
    );
    let info = (CACHED, CANONICAL, "The signature covers the original TTL, not that of a cache.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.txt().answer.iter_mut().for_each(|record| record.ttl = 17);
    });
    let info = (
        "chain-signature-over-ttl-of-cache",
        CANONICAL,
        "A signature over another TTL than the original one is invalid.",
    );
    suite.invalid(CACHED, info, "dnssec-signature", txt(|rrsig| rrsig.signed = Signed::TtlAsSent));
}

fn add_covered(suite: &mut Suite) {
    const TWO: &str = "chain-two-records";
    let info = (TWO, SIGNATURE, "A signature covers all records of a set.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.txt().answer.insert(0, record("a"));
        expect_record(case, "a");
    });
    let info = (
        "chain-record-added",
        SIGNATURE,
        "A record that the signature does not cover breaks the set.",
    );
    suite.invalid(TWO, info, "dnssec-signature", txt(|rrsig| rrsig.signed = Signed::AllButFirst));
    let info = (
        "chain-record-removed",
        SIGNATURE,
        "A record that the signature covers and is missing breaks the set.",
    );
    suite.invalid(TWO, info, "dnssec-signature", txt(|rrsig| rrsig.signed = Signed::AndAnother));
}

fn add_labels(suite: &mut Suite) {
    let labels = |count| txt(move |rrsig| rrsig.labels = Some(count));
    for (name, shows, count) in [
        ("chain-wildcard", "A signature over *.example.com does not cover _veraid.example.com.", 2),
        (
            "chain-wildcard-of-parent",
            "A signature over *.com does not cover _veraid.example.com.",
            1,
        ),
        ("chain-labels-surplus", "A signature has no more labels than the owner.", 4),
    ] {
        suite.invalid(CHAIN, (name, LABELS, shows), "dnssec-wildcard", labels(count));
    }
    let info = ("chain-wildcard-delegation", LABELS, "A delegation does not come from a wildcard.");
    suite.invalid(
        CHAIN,
        info,
        "dnssec-wildcard",
        rrsig("example.com", TYPE_DS, |rrsig| rrsig.labels = Some(1)),
    );
}

fn add_skipped(suite: &mut Suite) {
    let changes: [(&'static str, &'static str, RrsigChange); 8] = [
        ("chain-expired-beside", "An expired signature beside a valid one is ignored.", |rrsig| {
            rrsig.expiration = "20261121000000".to_owned();
        }),
        (
            "chain-early-beside",
            "A signature that is not yet valid beside a valid one is ignored.",
            |rrsig| rrsig.inception = "20261123000000".to_owned(),
        ),
        (
            "chain-unknown-key-beside",
            "A signature by an unknown key beside a valid one is ignored.",
            |rrsig| rrsig.tag = Some(1),
        ),
        (
            "chain-unknown-algorithm-beside",
            "A signature of an unknown algorithm beside a valid one is ignored.",
            |rrsig| rrsig.algorithm = Some(16),
        ),
        (
            "chain-private-algorithm-beside",
            "A signature of a private algorithm beside a valid one is ignored.",
            |rrsig| rrsig.algorithm = Some(253),
        ),
        (
            "chain-wildcard-beside",
            "A signature over a wildcard beside a valid one is ignored.",
            |rrsig| rrsig.labels = Some(2),
        ),
        (
            "chain-other-signer-beside",
            "A signature by another zone beside a valid one is ignored.",
            |rrsig| rrsig.by = KeyRef { zone: 1, key: 0 },
        ),
        (
            "chain-forged-beside",
            "A signature that does not match beside a valid one is ignored.",
            |rrsig| rrsig.signed = Signed::Noise(0, 64),
        ),
    ];
    for (name, shows, change) in changes {
        suite.valid(CHAIN, (name, SKIPPED, shows), |case| {
            let mut other = case.recipe.chain.txt().answer[1].clone();
            change(other.as_rrsig());
            case.recipe.chain.txt().answer.insert(1, other);
        });
    }
    let info = (
        "chain-longest-signature",
        SKIPPED,
        "Of two valid signatures, the one that expires last counts.",
    );
    suite.valid(CHAIN, info, |case| {
        let shorter = Rrsig {
            by: ZSK,
            expiration: "20261122180400".to_owned(),
            ..case.recipe.chain.rrsig(OWNER, TYPE_TXT).clone()
        };
        case.recipe.chain.txt().answer.insert(1, Record::new(OWNER, Rdata::Rrsig(shorter)));
    });
}
