//! The structure and the algorithms of CMS signatures.

use super::base::MEMBER;
use crate::case::Case;
use crate::der::{Change, Edit};
use crate::octets::Octets;
use crate::recipe::{ContentForm, Identity, SignedAttribute, Signer};
use crate::suite::Suite;

const VERSION: &str = "cms-version";
const CONTENT: &str = "cms-content";
const DER: &str = "cms-der";
const SIGNERS: &str = "cms-signer";
const MALFORMED: &str = "signature-malformed";

pub(crate) fn add(suite: &mut Suite) {
    add_versions(suite);
    add_content(suite);
    add_constructed(suite);
    add_structure(suite);
    add_signers(suite);
}

pub(super) fn signer(change: impl FnOnce(&mut Signer)) -> impl FnOnce(&mut Case) {
    |case| change(case.recipe.signer())
}

fn add_versions(suite: &mut Suite) {
    let info =
        ("cms-version-3", VERSION, "SignedData may be of version 3, as the specification has it.");
    suite.valid(MEMBER, info, |case| case.recipe.signature.version = 3);
    for (name, version) in
        [("cms-version-0", 0), ("cms-version-2", 2), ("cms-version-4", 4), ("cms-version-5", 5)]
    {
        let info = (name, VERSION, "SignedData is of version 1 or 3.");
        suite.invalid(MEMBER, info, "signature-version", |case| {
            case.recipe.signature.version = version;
        });
    }
    let info = (
        "cms-signer-version-3",
        VERSION,
        "SignerInfo is of version 1: the signer is identified by issuer and serial number.",
    );
    suite.invalid(MEMBER, info, "signature-version", signer(|signer| signer.version = 3));
}

fn add_content(suite: &mut Suite) {
    let info = ("cms-not-signed-data", CONTENT, "The content is signed-data.");
    suite.invalid(MEMBER, info, "signature-content-type", |case| {
        case.recipe.signature.content_type = "1.2.840.113549.1.7.3";
    });
    let info = ("cms-not-data", CONTENT, "What is signed is id-data.");
    suite.invalid(MEMBER, info, "signature-content-type", |case| {
        case.recipe.signature.encapsulated_type = "1.2.840.113549.1.9.16.1.2";
    });
    let info =
        ("cms-content-type-attribute", CONTENT, "The attribute contentType is id-data, too.");
    suite.invalid(
        MEMBER,
        info,
        "signature-content-type",
        signer(|signer| {
            signer.attributes[0].values =
                SignedAttribute::content_type_with("1.2.840.113549.1.7.3").values;
        }),
    );
    for (name, shows, code, form) in [
        (
            "cms-detached",
            "The content is within the signature.",
            "signature-detached",
            ContentForm::Detached,
        ),
        ("cms-content-absent", "The content is an OCTET STRING.", MALFORMED, ContentForm::Absent),
    ] {
        suite.invalid(MEMBER, (name, CONTENT, shows), code, |case| {
            case.recipe.signature.content = form;
        });
    }
    for (name, shows, change) in [
        (
            "cms-content-utf8-string",
            "The content is an OCTET STRING, not another type.",
            Change::Tag(0x0c),
        ),
        (
            "cms-content-padded-length",
            "The length of the content is in its shortest form.",
            Change::PadLength,
        ),
    ] {
        suite.invalid(MEMBER, (name, CONTENT, shows), MALFORMED, edit(&[2, 1, 0], change));
    }
    let info = ("cms-other-content", CONTENT, "The content is the one whose digest is signed.");
    let other = br#"{"audience":"https://api.example.com","claims":{"permission":"all"}}"#;
    suite.invalid(
        MEMBER,
        info,
        "signature-message-digest",
        edit(&[2, 1, 0], Change::Contents(Octets(other.to_vec()))),
    );
}

/// Changes the `SignedData`, outside the signed parts.
fn edit(path: &[usize], change: Change) -> impl FnOnce(&mut Case) {
    let path = [&[3, 1, 0], path].concat();
    move |case| case.recipe.edit = Some(Edit::at(&path, change))
}

fn add_constructed(suite: &mut Suite) {
    const RULE: &str = "cms-constructed-content";
    const ONE: &str = "cms-content-of-one-chunk";
    for (name, shows, ends) in [
        (
            ONE,
            "The content may be a constructed OCTET STRING of one chunk, as the deployed library writes it.",
            vec![],
        ),
        ("cms-content-of-two-chunks", "The content may be of two chunks.", vec![20]),
        ("cms-content-with-empty-chunk", "A chunk may be empty.", vec![20, 20]),
    ] {
        suite.valid(MEMBER, (name, RULE, shows), |case| {
            case.recipe.signature.content = ContentForm::Constructed(ends);
        });
    }
    let constructed = |octets: &[u8]| ContentForm::ConstructedOf(Octets(octets.to_vec()));
    for (name, shows, form) in [
        ("cms-content-of-no-chunk", "A constructed OCTET STRING has a chunk.", constructed(&[])),
        (
            "cms-content-of-nested-chunks",
            "A chunk is primitive.",
            constructed(b"\x24\x06\x04\x04text"),
        ),
        (
            "cms-content-of-other-chunks",
            "A chunk is an OCTET STRING.",
            constructed(b"\x0c\x04text"),
        ),
    ] {
        suite.invalid(ONE, (name, RULE, shows), MALFORMED, |case| {
            case.recipe.signature.content = form;
        });
    }
    for (name, shows, path, change) in [
        (
            "cms-content-indefinite-length",
            "A constructed OCTET STRING has a definite length.",
            &[2, 1, 0][..],
            Change::Indefinite,
        ),
        (
            "cms-chunk-padded-length",
            "The length of a chunk is in its shortest form.",
            &[2, 1, 0, 0],
            Change::PadLength,
        ),
        (
            "cms-content-explicit-indefinite-length",
            "What is around the content has a definite length.",
            &[2, 1],
            Change::Indefinite,
        ),
    ] {
        suite.invalid(ONE, (name, RULE, shows), MALFORMED, edit(path, change));
    }
}

fn add_structure(suite: &mut Suite) {
    let append = || Change::Append([5, 0].into());
    for (name, shows, path, change) in [
        ("cms-padded-length", "Lengths are in their shortest form.", &[][..], Change::PadLength),
        ("cms-indefinite-length", "Lengths are definite.", &[], Change::Indefinite),
        ("cms-surplus-field", "SignedData has nothing after its signers.", &[], append()),
        ("cms-content-info-surplus-field", "What is encapsulated has two fields.", &[2], append()),
        ("cms-two-contents", "There is one content.", &[2, 1], append()),
        (
            "cms-digest-algorithms-missing",
            "The set of digest algorithms is required.",
            &[1],
            Change::Remove,
        ),
        ("cms-signers-missing", "The set of signers is required.", &[4], Change::Remove),
        ("cms-signers-sequence", "The signers are a SET.", &[4], Change::Tag(0x30)),
        (
            "cms-signer-surplus-field",
            "A signer has nothing after its attributes.",
            &[4, 0],
            append(),
        ),
        (
            "cms-signer-indefinite-length",
            "A signer has a definite length.",
            &[4, 0],
            Change::Indefinite,
        ),
        (
            "cms-signer-identity-surplus-field",
            "A signer's identity is an issuer and a serial number.",
            &[4, 0, 1],
            append(),
        ),
        (
            "cms-signed-attributes-missing",
            "Signed attributes are required.",
            &[4, 0, 3],
            Change::Remove,
        ),
        (
            "cms-version-padded",
            "The version is in its shortest form.",
            &[0],
            Change::Contents([0, 1].into()),
        ),
        (
            "cms-signature-constructed",
            "A signature is primitive: only the content may be in chunks.",
            &[4, 0, 5],
            Change::Chunk,
        ),
        ("cms-signature-missing", "A signature is required.", &[4, 0, 5], Change::Remove),
        ("cms-signature-bit-string", "A signature is an OCTET STRING.", &[4, 0, 5], Change::Tag(3)),
    ] {
        suite.invalid(MEMBER, (name, DER, shows), MALFORMED, edit(path, change));
    }
    for (name, shows, change) in [
        ("cms-attribute-surplus-field", "An attribute has two fields.", Edit::at(&[0], append())),
        (
            "cms-attribute-padded-length",
            "The lengths of attributes are in their shortest form.",
            Edit::at(&[1], Change::PadLength),
        ),
        (
            "cms-attribute-indefinite-length",
            "The lengths of attributes are definite.",
            Edit::at(&[1, 1], Change::Indefinite),
        ),
        (
            "cms-attribute-values-sequence",
            "An attribute's values are a SET.",
            Edit::at(&[1, 1], Change::Tag(0x30)),
        ),
        (
            "cms-message-digest-constructed",
            "A message digest is primitive: only the content may be in chunks.",
            Edit::at(&[1, 1, 0], Change::Chunk),
        ),
        (
            "cms-message-digest-utf8",
            "A message digest is an OCTET STRING.",
            Edit::at(&[1, 1, 0], Change::Tag(0x0c)),
        ),
    ] {
        suite.invalid(
            MEMBER,
            (name, DER, shows),
            MALFORMED,
            signer(|signer| signer.attributes_edit = Some(change)),
        );
    }
}

fn add_signers(suite: &mut Suite) {
    let info = ("cms-no-signer", SIGNERS, "There is a signer.");
    suite.invalid(MEMBER, info, "signature-signer-count", |case| {
        case.recipe.signature.signers.clear();
    });
    let info = ("cms-two-signers", SIGNERS, "There is one signer, even if both are the same.");
    suite.invalid(MEMBER, info, "signature-signer-count", |case| {
        let signer = case.recipe.signer().clone();
        case.recipe.signature.signers.push(signer);
    });
    let info = (
        "cms-signer-by-key-id",
        SIGNERS,
        "A signer is identified by issuer and serial number, and by nothing else.",
    );
    suite.invalid(
        MEMBER,
        info,
        MALFORMED,
        signer(|signer| signer.identity = Identity::MemberKeyId),
    );
}
