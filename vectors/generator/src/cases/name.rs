//! The names of organisations and users in certificates.

use super::base::{MEMBER, ORGANISATION};
use super::certificate::{CertificateRole, MEMBERS, ORGANISATIONS};
use crate::octets::Octets;
use crate::recipe::{
    Attribute, COMMON_NAME, ORGANIZATION_NAME, SignedAttribute, Text, bmp, common_name,
};
use crate::suite::{Suite, leak};

const COUNT: &str = "common-name-count";
const STRING: &str = "common-name-string";
const ORGANISATION_NAME: &str = "organisation-name";
const USER_NAME: &str = "user-name";

pub(crate) fn add(suite: &mut Suite) {
    for role in [ORGANISATIONS, MEMBERS] {
        add_counts(suite, role);
        add_strings(suite, role);
    }
    add_organisations(suite);
    add_users(suite);
}

fn attribute(kind: &'static str, value: &str) -> Attribute {
    Attribute { kind, value: bmp(value) }
}

fn add_counts(suite: &mut Suite, role: CertificateRole) {
    let code = role.certificate("common-name-count");
    let info = (
        role.certificate("name-with-other-attributes"),
        COUNT,
        "The common name may be among other attributes.",
    );
    suite.valid(MEMBER, info, |case| {
        let subject = &mut (role.select)(case).subject;
        subject.insert(0, vec![attribute(ORGANIZATION_NAME, "Example")]);
        subject[1].push(attribute("2.5.4.5", "1"));
    });
    let info = (
        role.certificate("two-common-names"),
        COUNT,
        "Two common names are rejected, even if they are the same.",
    );
    suite.invalid(MEMBER, info, code, |case| {
        let subject = &mut (role.select)(case).subject;
        subject.push(subject[0].clone());
    });
    let info = (
        role.certificate("two-common-names-in-a-set"),
        COUNT,
        "Two common names in one set are rejected.",
    );
    suite.invalid(MEMBER, info, code, |case| {
        (role.select)(case).subject[0].push(attribute(COMMON_NAME, "other"));
    });
    let info =
        (role.certificate("no-common-name"), COUNT, "A name without a common name is rejected.");
    suite.invalid(MEMBER, info, code, |case| {
        (role.select)(case).subject[0][0].kind = ORGANIZATION_NAME;
    });
    let info = (role.certificate("no-name"), COUNT, "An empty name is rejected.");
    suite.invalid(MEMBER, info, code, |case| (role.select)(case).subject.clear());
    let info = (role.certificate("empty-name-set"), COUNT, "A set of a name has an attribute.");
    suite.invalid(MEMBER, info, role.certificate("malformed"), |case| {
        (role.select)(case).subject.push(Vec::new());
    });
}

fn add_strings(suite: &mut Suite, role: CertificateRole) {
    let own = if role.key("") == "member-" { "alice" } else { "example.com" }.to_owned();
    for (name, shows, value) in [
        ("utf8", "The common name may be a UTF8String.", Text::Utf8(own.clone())),
        ("printable", "The common name may be a PrintableString.", Text::Printable(own.clone())),
    ] {
        suite.valid(MEMBER, (role.certificate(name), STRING, shows), |case| {
            (role.select)(case).subject = common_name(value);
        });
    }
    for (name, shows, value) in [
        ("teletex", "A TeletexString is rejected.", Text::Teletex(own.clone())),
        ("ia5", "An IA5String is rejected.", Text::Ia5(own.clone())),
        ("universal", "A UniversalString is rejected.", Text::Universal(own)),
        ("bmp-odd", "A BMPString has two octets to a unit.", raw(0x1e, &[0, b'a', 0])),
        (
            "bmp-lone-surrogate",
            "A BMPString has no lone surrogates.",
            raw(0x1e, &[0xd8, 0x3e, 0, b'a']),
        ),
        ("utf8-invalid", "A UTF8String is in UTF-8.", raw(0x0c, b"caf\xe9")),
        ("utf8-surrogate", "UTF-8 has no surrogates.", raw(0x0c, b"\xed\xa0\xbe")),
        (
            "printable-invalid",
            "A PrintableString has only characters of its set.",
            raw(0x13, b"a_b"),
        ),
    ] {
        let info = (role.certificate(name), STRING, shows);
        suite.invalid(MEMBER, info, role.certificate("malformed"), |case| {
            (role.select)(case).subject[0][0].value = value;
        });
    }
}

fn raw(tag: u8, octets: &[u8]) -> Text {
    Text::Raw(tag, Octets(octets.to_vec()))
}

fn add_organisations(suite: &mut Suite) {
    for (name, shows, value) in [
        ("organisation-name-final-dot", "The domain name may have its final dot.", "example.com."),
        (
            "organisation-name-capitals",
            "The domain name may be in any case; the subject is in lower case.",
            "Example.COM",
        ),
    ] {
        suite.valid(MEMBER, (name, ORGANISATION_NAME, shows), |case| {
            case.recipe.organisation.subject = common_name(bmp(value));
        });
    }
    for (name, shows, value) in [
        ("organisation-name-empty", "The domain name is not empty.", ""),
        ("organisation-name-root", "The domain name is not the root.", "."),
        ("organisation-name-two-final-dots", "The domain name has one final dot.", "example.com.."),
        ("organisation-name-empty-label", "The domain name has no empty label.", "example..com"),
        (
            "organisation-name-underscore",
            "The domain name is of letters, digits and hyphens.",
            "example_.com",
        ),
        ("organisation-name-space", "The domain name has no space.", "example.com "),
        ("organisation-name-wildcard", "The domain name is not a wildcard.", "*.example.com"),
        ("organisation-name-hyphen-first", "No label starts with a hyphen.", "-example.com"),
        ("organisation-name-u-label", "The domain name is in A-labels.", "ex\u{e1}mple.com"),
        ("organisation-name-at", "The domain name is not that of a bot.", "@"),
        (
            "organisation-name-long-label",
            "A label has at most 63 octets.",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com",
        ),
    ] {
        let info = (name, ORGANISATION_NAME, shows);
        suite.invalid(MEMBER, info, "organisation-certificate-common-name", |case| {
            case.recipe.organisation.subject[0][0].value = bmp(value);
        });
    }
    let info = (
        "organisation-name-other",
        ORGANISATION_NAME,
        "The chain is about the organisation of the certificate.",
    );
    suite.invalid(MEMBER, info, "dnssec-txt-responses", |case| {
        case.recipe.organisation.subject[0][0].value = bmp("example.org");
    });
}

fn add_users(suite: &mut Suite) {
    let long = leak("n".repeat(200));
    for (name, shows, user) in [
        ("user-name-spaces", "A user's name may have spaces, at its ends too.", " Alice  Smith "),
        ("user-name-capitals", "A user's name keeps its case.", "ALICE"),
        (
            "user-name-beyond-bmp",
            "A user's name may have characters beyond the BMP.",
            "\u{1f980}crab",
        ),
        ("user-name-not-normalised", "A user's name is not normalised.", "e\u{301}"),
        (
            "user-name-zero-width-space",
            "A character that only looks like white space, such as U+200B, is allowed.",
            "a\u{200b}b",
        ),
        ("user-name-long", "How long a user's name is, is not limited.", long),
    ] {
        suite.valid(MEMBER, (name, USER_NAME, shows), |case| {
            case.recipe.member.subject = common_name(bmp(user));
            case.set_subject(&format!("{user}@example.com"));
        });
    }
    for (name, shows, user) in [
        ("empty", "A user's name is not empty.", ""),
        ("at", "A user's name has no @.", "alice@example.com"),
        ("two-ats", "Only one @ alone is a bot.", "@@"),
        ("tab", "A user's name has no tab.", "a\tb"),
        ("line-feed", "A user's name has no line break.", "a\nb"),
        ("nul", "A user's name has no NUL.", "a\0b"),
        ("delete", "A user's name has no U+007F.", "a\u{7f}b"),
        ("next-line", "A user's name has no U+0085.", "a\u{85}b"),
        (
            "no-break-space",
            "A user's name has no white space except U+0020: no U+00A0.",
            "a\u{a0}b",
        ),
        ("em-space", "A user's name has no white space except U+0020: no U+2003.", "a\u{2003}b"),
        (
            "line-separator",
            "A user's name has no white space except U+0020: no U+2028.",
            "a\u{2028}b",
        ),
    ] {
        let info = (leak(format!("user-name-{name}")), USER_NAME, shows);
        suite.invalid(MEMBER, info, "member-certificate-common-name", |case| {
            case.recipe.member.subject[0][0].value = bmp(user);
        });
        let info = (leak(format!("attribution-{name}")), USER_NAME, shows);
        suite.invalid(ORGANISATION, info, "signature-attribution", |case| {
            let attributes = &mut case.recipe.signer().attributes;
            attributes.last_mut().expect("the attribution").values =
                SignedAttribute::attribution(user).values;
        });
    }
}
