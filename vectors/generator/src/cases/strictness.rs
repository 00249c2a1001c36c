//! Parts that are not read, and parts that are read strictly though their meaning is ignored.

use super::base::MEMBER;
use super::certificate::{CertificateRole, MEMBERS, ORGANISATIONS};
use crate::case::Case;
use crate::der::{Change, Edit, Node};
use crate::octets::Octets;
use crate::recipe::{
    Attached, Attribute, AttributesOrder, Critical, Extension, ExtensionValue, ORGANIZATION_NAME,
    SignedAttribute, Text,
};
use crate::suite::{Suite, leak};

const DIGESTS: &str = "cms-digest-algorithms";
const ORDER: &str = "set-order";
const UNREAD: &str = "not-read";
const IDENTIFIERS: &str = "object-identifiers";
const MALFORMED: &str = "signature-malformed";

const UNKNOWN: &str = "1.3.6.1.4.1.58708.99";
/// The contents of an object identifier whose second arc has a superfluous octet.
const PADDED: [u8; 3] = [0x2b, 0x80, 6];
/// A tag without a length.
const NOT_DER: [u8; 2] = [0xff, 0xff];

pub(crate) fn add(suite: &mut Suite) {
    add_digest_algorithms(suite);
    add_orders(suite);
    add_attributes(suite);
    add_attached(suite);
    for role in [ORGANISATIONS, MEMBERS] {
        add_extensions(suite, role);
        add_names(suite, role);
    }
}

/// Replaces the contents of `digestAlgorithms`.
fn digests(elements: &[Node]) -> impl FnOnce(&mut Case) + use<> {
    let contents: Vec<u8> = elements.iter().flat_map(Node::encode).collect();
    edit(&[1], Change::Contents(Octets(contents)))
}

/// Changes the `SignedData`, outside the signed parts.
fn edit(path: &[usize], change: Change) -> impl FnOnce(&mut Case) {
    let path = [&[3, 1, 0], path].concat();
    move |case| case.recipe.edit = Some(Edit::at(&path, change))
}

fn algorithm(oid: &str) -> Node {
    Node::sequence(vec![Node::oid(oid), Node::null()])
}

fn add_digest_algorithms(suite: &mut Suite) {
    let (sha256, sha512) = ("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3");
    let unknown = Node::sequence(vec![Node::oid(UNKNOWN), Node::octet_string(NOT_DER)]);
    for (name, shows, elements) in [
        ("none", "digestAlgorithms may be empty: the signer has its own.", vec![]),
        ("other", "digestAlgorithms need not have the signer's.", vec![algorithm(sha512)]),
        ("unknown", "digestAlgorithms may have unknown ones, with any parameters.", vec![unknown]),
        (
            "unsorted-and-twice",
            "digestAlgorithms are in any order, also twice.",
            vec![algorithm(sha512), algorithm(sha256), algorithm(sha512)],
        ),
    ] {
        let info = (leak(format!("cms-digest-algorithms-{name}")), DIGESTS, shows);
        suite.valid(MEMBER, info, digests(&elements));
    }
    let padded = Node::sequence(vec![Node::primitive(6, PADDED), Node::null()]);
    let two_parameters = vec![Node::oid(sha256), Node::null(), Node::null()];
    for (name, shows, element) in [
        ("of-octets", "An algorithm is a SEQUENCE.", Node::octet_string([])),
        ("without-identifier", "An algorithm has an identifier.", Node::sequence(vec![])),
        ("surplus-field", "An algorithm has at most two fields.", Node::sequence(two_parameters)),
        ("padded-identifier", "An identifier is in its shortest form.", padded),
    ] {
        let info = (leak(format!("cms-digest-algorithms-{name}")), DIGESTS, shows);
        suite.invalid(MEMBER, info, MALFORMED, digests(&[element]));
    }
}

fn add_orders(suite: &mut Suite) {
    let shows = "Attached certificates are in any order.";
    for (name, certificates) in [
        ("certificates-member-first", vec![Attached::Member, Attached::Organisation]),
        ("certificates-organisation-first", vec![Attached::Organisation, Attached::Member]),
    ] {
        suite.valid(MEMBER, (name, ORDER, shows), |case| {
            case.recipe.signature.certificates = Some(certificates);
        });
    }
    let info = ("certificates-other-twice", ORDER, "Attached certificates can be repeated.");
    suite.valid(MEMBER, info, |case| {
        let other = || Attached::Organisation;
        case.recipe.signature.certificates = Some(vec![Attached::Member, other(), other()]);
    });
    let info = ("name-attribute-twice", ORDER, "An attribute in a set of a name can be repeated.");
    suite.valid(MEMBER, info, |case| {
        let value = || Text::Printable("1".to_owned());
        let attribute = || Attribute { kind: "2.5.4.5", value: value() };
        case.recipe.member.subject[0].splice(0..0, [attribute(), attribute()]);
    });
    let shows = "The attributes in a set of a name are in any order.";
    for (name, position) in [("name-attribute-before", 0), ("name-attribute-after", 1)] {
        suite.valid(MEMBER, (name, ORDER, shows), |case| {
            let value = Text::Printable("1".to_owned());
            let attribute = Attribute { kind: "2.5.4.5", value };
            case.recipe.member.subject[0].insert(position, attribute);
        });
    }
}

fn add_attributes(suite: &mut Suite) {
    const OTHER: &str = "cms-other-attribute-not-der";
    let unsigned = |octets: Vec<u8>| edit(&[4, 0], Change::Append(Octets(octets)));
    let info = (
        "cms-unsigned-attributes-not-der",
        UNREAD,
        "The contents of unsigned attributes are not read.",
    );
    suite.valid(MEMBER, info, unsigned([&[0xa1, 2][..], &NOT_DER].concat()));
    let info = (
        "cms-unsigned-attributes-indefinite-length",
        UNREAD,
        "Unsigned attributes have a definite length.",
    );
    suite.invalid(MEMBER, info, MALFORMED, unsigned(vec![0xa1, 0x80, 0, 0]));
    let info = ("cms-unsigned-attributes-twice", UNREAD, "Unsigned attributes occur once.");
    suite.invalid(MEMBER, info, MALFORMED, unsigned(vec![0xa1, 0, 0xa1, 0]));
    let info = (OTHER, UNREAD, "The values of other signed attributes are not read.");
    suite.valid(MEMBER, info, |case| {
        let signer = case.recipe.signer();
        signer.attributes_order = AttributesOrder::AsListed;
        signer.attributes.push(SignedAttribute::other(UNKNOWN, NOT_DER));
    });
    let info = (
        "cms-other-attribute-padded-identifier",
        IDENTIFIERS,
        "The identifier of an unknown signed attribute is in its shortest form.",
    );
    suite.invalid(OTHER, info, MALFORMED, |case| {
        let edit = Edit::at(&[3, 0], Change::Contents(PADDED.into()));
        case.recipe.signer().attributes_edit = Some(edit);
    });
}

fn add_attached(suite: &mut Suite) {
    let attach = |octets: Vec<u8>| {
        move |case: &mut Case| {
            let attached = Attached::Octets(Octets(octets));
            case.recipe.signature.certificates.get_or_insert_default().push(attached);
        }
    };
    let info = (
        "certificates-not-der",
        UNREAD,
        "The contents of an attached certificate that is not the signer's are not read.",
    );
    suite.valid(MEMBER, info, attach([&[0x30, 2][..], &NOT_DER].concat()));
    for (name, shows, octets) in [
        ("certificates-cut", "An attached certificate is as long as it says.", vec![0x30, 2, 5]),
        (
            "certificates-indefinite-length",
            "An attached certificate has a definite length.",
            vec![0x30, 0x80, 0, 0],
        ),
    ] {
        suite.invalid(MEMBER, (name, UNREAD, shows), MALFORMED, attach(octets));
    }
}

fn add_extensions(suite: &mut Suite, role: CertificateRole) {
    let name = role.certificate("unknown-extension-not-der");
    let info = (name, UNREAD, "The value of an unknown extension is not read.");
    suite.valid(MEMBER, info, |case| {
        let value = ExtensionValue::Other(UNKNOWN, NOT_DER.into());
        (role.select)(case).extensions.push(Extension { critical: Critical::No, value });
    });
    let info = (
        role.certificate("unknown-extension-padded-identifier"),
        IDENTIFIERS,
        "The identifier of an unknown extension is in its shortest form.",
    );
    suite.invalid(name, info, role.certificate("malformed"), |case| {
        let edit = Edit::at(&[7, 0, 3, 0], Change::Contents(PADDED.into()));
        (role.select)(case).edit = Some(edit);
    });
}

fn add_names(suite: &mut Suite, role: CertificateRole) {
    let name = role.certificate("name-attribute-not-read");
    let info = (name, UNREAD, "The values of other attributes of a name are not read.");
    suite.valid(MEMBER, info, |case| {
        let value = Text::Raw(0x1e, Octets(vec![0xff]));
        let attribute = Attribute { kind: ORGANIZATION_NAME, value };
        (role.select)(case).subject.push(vec![attribute]);
    });
    if role.name == "member" {
        let info = (
            role.certificate("name-attribute-padded-identifier"),
            IDENTIFIERS,
            "The identifier of an attribute of a name is in its shortest form.",
        );
        suite.invalid(name, info, role.certificate("malformed"), |case| {
            let edit = Edit::at(&[5, 1, 0, 0], Change::Contents(PADDED.into()));
            (role.select)(case).edit = Some(edit);
        });
        let info = (
            role.certificate("path-length-not-applied"),
            UNREAD,
            "A path length is not applied: there are no intermediate certificates.",
        );
        suite.valid(MEMBER, info, |case| *case.recipe.organisation.path_length() = Some(0x7f));
    }
}
