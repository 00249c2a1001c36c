//! The signed attributes, their statements about the signer, and the attached certificates.

use super::base::{MEMBER, ORGANISATION, SIGNATURE};
use crate::case::Case;
use crate::der::{Change, Edit};
use crate::octets::Octets;
use crate::recipe::{Attached, AttributeValue, Identity, SignedAttribute, TEST_SERVICE};
use crate::suite::{Suite, leak};

const ATTRIBUTES: &str = "cms-attributes";
const ATTRIBUTION: &str = "cms-attribution";
const CERTIFICATES: &str = "cms-certificates";
const METADATA: &str = "cms-metadata";

pub(crate) fn add(suite: &mut Suite) {
    add_required(suite);
    add_ignored(suite);
    add_certificates(suite);
    add_attribution(suite);
    add_attribution_forms(suite);
    add_metadata(suite);
}

/// Returns the signed attributes of a case.
fn attributes(case: &mut Case) -> &mut Vec<SignedAttribute> {
    &mut case.recipe.signer().attributes
}

fn add_required(suite: &mut Suite) {
    for (position, name) in ["content-type", "message-digest", "metadata"].into_iter().enumerate() {
        let named = |suffix: &str| leak(format!("cms-{name}-{suffix}"));
        let info =
            (named("missing"), ATTRIBUTES, "contentType, messageDigest and metadata are required.");
        suite.invalid(MEMBER, info, "signature-attribute-missing", |case| {
            drop(attributes(case).remove(position));
        });
        let info =
            (named("twice"), ATTRIBUTES, "An attribute occurs once, even if both are the same.");
        suite.invalid(MEMBER, info, "signature-attribute-duplicate", |case| {
            let again = attributes(case)[position].clone();
            attributes(case).push(again);
        });
        let info = (
            named("two-values"),
            ATTRIBUTES,
            "An attribute has one value, even if both are the same.",
        );
        suite.invalid(MEMBER, info, "signature-attribute-values", |case| {
            let values = &mut attributes(case)[position].values;
            values.push(values[0].clone());
        });
        let info = (named("no-value"), ATTRIBUTES, "An attribute has a value.");
        suite.invalid(MEMBER, info, "signature-attribute-values", |case| {
            attributes(case)[position].values.clear();
        });
    }
    let info = ("cms-other-message-digest", ATTRIBUTES, "The message digest is the content's.");
    suite.invalid(MEMBER, info, "signature-message-digest", |case| {
        attributes(case)[1].values =
            vec![AttributeValue::MessageDigestOf(Octets(b"other".to_vec()))];
    });
}

fn add_ignored(suite: &mut Suite) {
    const RULE: &str = "cms-other-attributes";
    let info = (
        "cms-other-signed-attributes",
        RULE,
        "Other signed attributes are ignored, even if they occur twice and have no value.",
    );
    suite.valid(MEMBER, info, |case| {
        let unknown = SignedAttribute {
            values: Vec::new(),
            ..SignedAttribute::other("1.3.6.1.4.1.58708.99", [5, 0])
        };
        attributes(case).extend([SignedAttribute::signing_time(), unknown.clone(), unknown]);
    });
    let info = ("cms-unsigned-attributes", RULE, "Unsigned attributes are ignored.");
    suite.valid(MEMBER, info, |case| {
        case.recipe.signer().unsigned_attributes = vec![SignedAttribute::signing_time()];
    });
    let info = (
        "cms-unsigned-attribution",
        RULE,
        "An attribution among the unsigned attributes does not make an organisation's signature.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.signer().unsigned_attributes = vec![SignedAttribute::attribution("bob")];
    });
    let info = (
        "cms-unsigned-attribution-to-another",
        RULE,
        "An attribution among the unsigned attributes does not change a signed one.",
    );
    suite.valid(ORGANISATION, info, |case| {
        case.recipe.signer().unsigned_attributes = vec![SignedAttribute::attribution("bob")];
    });
}

fn add_attribution(suite: &mut Suite) {
    let info = (
        "attribution-by-member",
        ATTRIBUTION,
        "A member attributes nothing, not even to themselves.",
    );
    suite.invalid(MEMBER, info, "signature-signer-not-organisation", |case| {
        attributes(case).push(SignedAttribute::attribution("alice"));
    });
    let info = (
        "attribution-to-another-by-member",
        ATTRIBUTION,
        "A member does not attribute to another.",
    );
    suite.invalid(MEMBER, info, "signature-signer-not-organisation", |case| {
        attributes(case).push(SignedAttribute::attribution("bob"));
    });
    let info = ("attribution-missing", ATTRIBUTION, "An organisation that signs attributes.");
    suite.invalid(ORGANISATION, info, "signature-signer-not-member", |case| {
        drop(attributes(case).pop());
    });
    let info = (
        "attribution-signer-member",
        ATTRIBUTION,
        "An organisation that signs is identified as the signer.",
    );
    suite.invalid(
        "attribution-with-member-attached",
        info,
        "signature-signer-not-organisation",
        |case| {
            case.recipe.signer().identity = Identity::Member;
        },
    );
}

fn add_attribution_forms(suite: &mut Suite) {
    const MALFORMED: &str = "signature-malformed";
    for (name, shows, code, values) in [
        (
            "attribution-printable",
            "An attribution is a UTF8String.",
            MALFORMED,
            vec![AttributeValue::Printable("alice".to_owned())],
        ),
        (
            "attribution-not-utf-8",
            "An attribution is in UTF-8.",
            MALFORMED,
            vec![AttributeValue::Other(Octets(b"\x0c\x01\xe9".to_vec()))],
        ),
        (
            "attribution-two-values",
            "An attribution has one value.",
            "signature-attribute-values",
            vec![AttributeValue::Utf8("alice".to_owned()); 2],
        ),
        (
            "attribution-no-value",
            "An attribution has a value.",
            "signature-attribute-values",
            Vec::new(),
        ),
    ] {
        suite.invalid(ORGANISATION, (name, ATTRIBUTION, shows), code, |case| {
            attributes(case)[3].values = values;
        });
    }
    let info = ("attribution-twice", ATTRIBUTION, "An attribution occurs once.");
    suite.invalid(ORGANISATION, info, "signature-attribute-duplicate", |case| {
        attributes(case).push(SignedAttribute::attribution("bob"));
    });
}

fn add_certificates(suite: &mut Suite) {
    const MISSING: &str = "signature-certificate-missing";
    let attach = |attached: Attached| {
        move |case: &mut Case| {
            case.recipe.signature.certificates.get_or_insert_default().push(attached);
        }
    };
    for (name, shows, certificates) in [
        (
            "attribution-without-certificates",
            "An organisation's signature may leave the attached certificates out.",
            None,
        ),
        (
            "attribution-with-member-attached",
            "A member's certificate may be attached, without effect.",
            Some(vec![Attached::Member]),
        ),
        (
            "attribution-with-organisation-attached",
            "The organisation's own certificate may be attached, without effect.",
            Some(vec![Attached::Organisation]),
        ),
    ] {
        suite.valid(ORGANISATION, (name, CERTIFICATES, shows), |case| {
            case.recipe.signature.certificates = certificates;
        });
    }
    let info =
        ("certificates-unreadable", CERTIFICATES, "A malformed attached certificate is ignored.");
    suite.valid(MEMBER, info, attach(Attached::Octets([0x30, 0].into())));
    let info = (
        "certificates-malformed-signer-beside",
        CERTIFICATES,
        "A malformed certificate is not the signer's, even with the signer's issuer and serial number.",
    );
    let malformed = || Attached::EditedMember(Edit::at(&[], Change::Append([5, 0].into())));
    suite.valid(MEMBER, info, attach(malformed()));
    let info = (
        "certificates-malformed-signer",
        CERTIFICATES,
        "A malformed certificate is not the signer's, also if there is no other.",
    );
    suite.invalid(MEMBER, info, MISSING, |case| {
        case.recipe.signature.certificates = Some(vec![malformed()]);
    });
    let info = (
        "certificates-of-another-form",
        CERTIFICATES,
        "What is attached and is not a certificate is ignored.",
    );
    suite.valid(MEMBER, info, attach(Attached::Octets([0xa3, 0].into())));
    for (name, shows, attached) in [
        (
            "certificates-same-twice",
            "Two attached certificates that are the signer's make the bundle invalid, even if they are the same.",
            Attached::Member,
        ),
        (
            "certificates-ambiguous",
            "Two attached certificates with the signer's issuer and serial number make the bundle invalid.",
            Attached::MemberWithKey("stranger-2048"),
        ),
    ] {
        suite.invalid(
            MEMBER,
            (name, CERTIFICATES, shows),
            "signature-certificate-ambiguous",
            attach(attached),
        );
    }
    let info = ("certificates-none", CERTIFICATES, "A member's certificate is attached.");
    suite.invalid(MEMBER, info, MISSING, |case| {
        case.recipe.signature.certificates = Some(Vec::new());
    });
    let info = (
        "certificates-left-out",
        CERTIFICATES,
        "A member's certificate is attached: the field is not left out.",
    );
    suite.invalid(MEMBER, info, MISSING, |case| case.recipe.signature.certificates = None);
    let info = (
        "certificates-other-serial",
        CERTIFICATES,
        "The signer's certificate has the serial number of the signer's identifier.",
    );
    suite.invalid(MEMBER, info, MISSING, |case| {
        case.recipe.signer().identity = Identity::MemberWithSerial([0x51, 0x07, 0xa9, 0x61].into());
    });
}

fn add_metadata(suite: &mut Suite) {
    let info =
        ("metadata-other-service", METADATA, "A token's signature is for the service of Kliento.");
    suite.invalid(MEMBER, info, "signature-service", |case| {
        case.recipe.metadata().service = TEST_SERVICE;
    });
    let info =
        ("metadata-service-prefix", METADATA, "A service is not another one that it starts with.");
    suite.invalid(MEMBER, info, "signature-service", |case| {
        case.recipe.metadata().service = "1.3.6.1.4.1.58708.3";
    });
    let info =
        ("metadata-service-of-the-verifier", METADATA, "A signature is for the requested service.");
    suite.invalid(SIGNATURE, info, "signature-service", |case| {
        case.context.service = Some("1.3.6.1.4.1.58708.3.0");
    });
    for (name, shows, path, change) in [
        (
            "metadata-surplus-field",
            "The metadata has two fields.",
            &[][..],
            Change::Append([0x82, 0].into()),
        ),
        (
            "metadata-padded-length",
            "Lengths in the metadata are in their shortest form.",
            &[1],
            Change::PadLength,
        ),
        (
            "metadata-indefinite-length",
            "Lengths in the metadata are definite.",
            &[1],
            Change::Indefinite,
        ),
        ("metadata-universal-tags", "The service has its context tag.", &[0], Change::Tag(6)),
        ("metadata-no-service", "The service is required.", &[0], Change::Remove),
        ("metadata-no-period", "The period is required.", &[1], Change::Remove),
        ("metadata-no-end", "The end is required.", &[1, 1], Change::Remove),
        (
            "metadata-swapped",
            "The period starts before it ends, by its tags, too.",
            &[1],
            Change::Swap(0, 1),
        ),
        ("metadata-third-time", "A period has two times.", &[1], Change::Append([0x82, 0].into())),
        (
            "metadata-service-padded",
            "An object identifier is in its shortest form.",
            &[0],
            Change::Contents([0x2b, 0x80, 6].into()),
        ),
        (
            "metadata-service-empty",
            "An object identifier is not empty.",
            &[0],
            Change::Contents(Octets::default()),
        ),
    ] {
        // The metadata attribute is last, since it is the longest, and has one value.
        let path = [&[2, 1, 0], path].concat();
        suite.invalid(MEMBER, (name, METADATA, shows), "signature-metadata-malformed", |case| {
            case.recipe.signer().attributes_edit = Some(Edit::at(&path, change));
        });
    }
}
