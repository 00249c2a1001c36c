//! The structure of bundles.

use super::base::{CHAIN, MEMBER, MEMBER_ID};
use crate::der::{Change, Edit};
use crate::dns::Order;
use crate::octets::Octets;
use crate::suite::Suite;

const VERSION: &str = "bundle-version";
const DER: &str = "bundle-der";
const MALFORMED: &str = "bundle-malformed";

pub(crate) fn add(suite: &mut Suite) {
    for (name, shows, order) in [
        ("bundle-chain-reversed", "The messages may be in any order.", Order::Reversed),
        ("bundle-chain-sorted", "The messages may be in the order of DER.", Order::Sorted),
    ] {
        suite.valid(MEMBER, (name, "chain-order", shows), |case| case.recipe.chain.order = order);
    }
    add_versions(suite);
    add_structure(suite);
    add_chain(suite);
    add_certificate(suite);
    add_chain_files(suite);
    add_member_ids(suite);
}

fn add_versions(suite: &mut Suite) {
    let cases: [(&'static str, &'static str, &'static str, Option<Octets>); 6] = [
        ("bundle-version-missing", "The version is required.", MALFORMED, None),
        ("bundle-version-1", "The version is 0.", "bundle-version", Some([1].into())),
        (
            "bundle-version-255",
            "The version is 0, and one octet.",
            "bundle-version",
            Some([0, 255].into()),
        ),
        ("bundle-version-negative", "The version is not negative.", MALFORMED, Some([0xff].into())),
        ("bundle-version-two-octets", "The version is one octet.", MALFORMED, Some([0, 0].into())),
        ("bundle-version-empty", "The version is not empty.", MALFORMED, Some(Octets::default())),
    ];
    for (name, shows, code, octets) in cases {
        suite.malformed(MEMBER, (name, VERSION, shows), code, |case| case.recipe.version = octets);
    }
}

fn add_structure(suite: &mut Suite) {
    for (name, shows, edit) in [
        (
            "bundle-padded-length",
            "The bundle's length is in its shortest form.",
            Edit::at(&[], Change::PadLength),
        ),
        (
            "bundle-indefinite-length",
            "The bundle's length is definite.",
            Edit::at(&[], Change::Indefinite),
        ),
        ("bundle-set", "A bundle is a SEQUENCE.", Edit::at(&[], Change::Tag(0x31))),
        (
            "bundle-surplus-field",
            "A bundle has four fields.",
            Edit::at(&[], Change::Append([0x84, 0].into())),
        ),
        (
            "bundle-empty",
            "A bundle is not empty.",
            Edit::at(&[], Change::Replace(Octets::default())),
        ),
        (
            "bundle-without-fields",
            "A bundle has fields.",
            Edit::at(&[], Change::Contents(Octets::default())),
        ),
        (
            "bundle-version-universal-tag",
            "The version has its context tag.",
            Edit::at(&[0], Change::Tag(2)),
        ),
        (
            "bundle-version-constructed",
            "The version's tag is IMPLICIT.",
            Edit::at(&[0], Change::Replace([0xa0, 3, 2, 1, 0].into())),
        ),
        (
            "bundle-version-padded-length",
            "The version's length is in its shortest form.",
            Edit::at(&[0], Change::PadLength),
        ),
        (
            "bundle-certificate-missing",
            "The organisation's certificate is required.",
            Edit::at(&[2], Change::Remove),
        ),
        (
            "bundle-certificate-universal-tag",
            "The organisation's certificate has its context tag.",
            Edit::at(&[2], Change::Tag(0x30)),
        ),
        ("bundle-signature-missing", "The signature is required.", Edit::at(&[3], Change::Remove)),
        (
            "bundle-signature-universal-tag",
            "The signature has its context tag.",
            Edit::at(&[3], Change::Tag(0x30)),
        ),
        (
            "bundle-fields-swapped",
            "The fields are in their order.",
            Edit::at(&[], Change::Swap(2, 3)),
        ),
    ] {
        suite
            .malformed(MEMBER, (name, DER, shows), MALFORMED, |case| case.recipe.edit = Some(edit));
    }
    let info = ("bundle-trailing-octets", DER, "Nothing follows the bundle.");
    suite.malformed(MEMBER, info, MALFORMED, |case| case.recipe.trailing = [0].into());
}

fn add_chain(suite: &mut Suite) {
    for (name, shows, edit) in [
        ("bundle-chain-missing", "The chain is required.", Edit::at(&[1], Change::Remove)),
        (
            "bundle-chain-universal-tag",
            "The chain has its context tag.",
            Edit::at(&[1], Change::Tag(0x31)),
        ),
        (
            "bundle-chain-indefinite-length",
            "The chain's length is definite.",
            Edit::at(&[1], Change::Indefinite),
        ),
        (
            "bundle-chain-of-others",
            "The chain's messages are OCTET STRINGs.",
            Edit::at(&[1, 0], Change::Tag(0x0c)),
        ),
        (
            "bundle-chain-constructed",
            "The chain's messages are primitive: only the content may be in chunks.",
            Edit::at(&[1, 5], Change::Chunk),
        ),
        (
            "bundle-chain-padded-length",
            "The lengths of the chain's messages are in their shortest form.",
            Edit::at(&[1, 7], Change::PadLength),
        ),
    ] {
        suite
            .malformed(MEMBER, (name, DER, shows), MALFORMED, |case| case.recipe.edit = Some(edit));
    }
}

fn add_certificate(suite: &mut Suite) {
    for (name, shows, edit) in [
        (
            "bundle-certificate-surplus-field",
            "A certificate has three fields.",
            Edit::at(&[2], Change::Append([5, 0].into())),
        ),
        (
            "bundle-certificate-signature-bits",
            "A certificate's signature is whole octets.",
            Edit::at(&[2, 2], Change::Contents([1, 0].into())),
        ),
        (
            "bundle-certificate-padded-length",
            "The lengths in a certificate are in their shortest form.",
            Edit::at(&[2, 1], Change::PadLength),
        ),
        (
            "bundle-certificate-signature-missing",
            "A certificate has a signature.",
            Edit::at(&[2, 2], Change::Remove),
        ),
    ] {
        suite.malformed(MEMBER, (name, DER, shows), "organisation-certificate-malformed", |case| {
            case.recipe.edit = Some(edit);
        });
    }
}

/// Adds chains in separate files.
fn add_chain_files(suite: &mut Suite) {
    for (name, shows, edit) in [
        (
            "chain-file-padded-length",
            "The chain's length is in its shortest form.",
            Edit::at(&[], Change::PadLength),
        ),
        (
            "chain-file-indefinite-length",
            "The chain's length is definite.",
            Edit::at(&[], Change::Indefinite),
        ),
        ("chain-file-sequence", "A chain is a SET.", Edit::at(&[], Change::Tag(0x30))),
        (
            "chain-file-of-others",
            "The chain's messages are OCTET STRINGs.",
            Edit::at(&[3], Change::Tag(0x0c)),
        ),
        (
            "chain-file-empty",
            "An empty file is not a chain.",
            Edit::at(&[], Change::Replace(Octets::default())),
        ),
    ] {
        suite.malformed(CHAIN, (name, DER, shows), "chain-malformed", |case| {
            case.recipe.edit = Some(edit);
        });
    }
    let info = ("chain-file-trailing-octets", DER, "Nothing follows the chain.");
    suite.malformed(CHAIN, info, "chain-malformed", |case| case.recipe.trailing = [0].into());
}

fn add_member_ids(suite: &mut Suite) {
    const RULE: &str = "member-id";
    let info = ("member-id-bot", RULE, "A member id bundle may be a bot's.");
    suite.valid(MEMBER_ID, info, |case| {
        case.recipe.member.subject[0][0].value = crate::recipe::bmp("@");
        case.set_subject("example.com");
    });
    for (name, shows, code, edit) in [
        (
            "member-id-surplus-field",
            "A member id bundle has four fields.",
            MALFORMED,
            Edit::at(&[], Change::Append([0x84, 0].into())),
        ),
        (
            "member-id-certificate-missing",
            "The member's certificate is required.",
            MALFORMED,
            Edit::at(&[3], Change::Remove),
        ),
        (
            "member-id-certificate-universal-tag",
            "The member's certificate has its context tag.",
            MALFORMED,
            Edit::at(&[3], Change::Tag(0x30)),
        ),
        (
            "member-id-certificate-surplus-field",
            "A certificate has three fields.",
            "member-certificate-malformed",
            Edit::at(&[3], Change::Append([5, 0].into())),
        ),
    ] {
        suite.malformed(MEMBER_ID, (name, RULE, shows), code, |case| case.recipe.edit = Some(edit));
    }
    let info = ("member-id-version-1", RULE, "The version is 0.");
    suite.malformed(MEMBER_ID, info, "bundle-version", |case| {
        case.recipe.version = Some([1].into());
    });
    let info = (
        "member-id-signed-by-stranger",
        RULE,
        "The organisation's key signs the member's certificate.",
    );
    suite.invalid(MEMBER_ID, info, "member-certificate-signature", |case| {
        case.recipe.member.signer = Some("stranger-2048");
    });
    let info = (
        "member-id-expired",
        RULE,
        "A member id bundle is not valid when the member's certificate is not.",
    );
    suite.invalid(MEMBER_ID, info, "member-certificate-time", |case| {
        case.set_at("2026-12-22T00:00:01Z");
    });
    let info =
        ("member-id-other-anchors", RULE, "A member id bundle is authenticated by its chain.");
    suite.invalid(MEMBER_ID, info, "dnssec-keys-untrusted", |case| {
        case.context.trust_anchors = vec![other_anchor()];
    });
    let info = ("member-id-key-of-another-service", RULE, "A member id bundle is for a service.");
    suite.invalid(MEMBER_ID, info, "key-not-published", |case| {
        case.recipe.chain.txt_strings()[0] =
            "1 {sha256-padded} 3600 1.3.6.1.4.1.58708.3.0".to_owned();
    });
}

/// Returns the DS record of a root that signed nothing.
fn other_anchor() -> String {
    let mut chain = crate::dns::deployed_chain();
    chain.zones[0].keys[0].key = "other-root";
    chain.anchor(0)
}
