//! The extensions of certificates.

use super::base::{MEMBER, ORGANISATION};
use super::certificate::{CertificateRole, MEMBERS, ORGANISATIONS};
use crate::der::{Change, Edit};
use crate::hash::Hash;
use crate::key::Key;
use crate::octets::Octets;
use crate::recipe::{Critical, Extension, ExtensionValue};
use crate::suite::Suite;

const CONSTRAINTS: &str = "basic-constraints";
const USAGE: &str = "key-usage";
const KEY_IDS: &str = "key-identifiers";
const OTHERS: &str = "other-extensions";

const DIGITAL_SIGNATURE: [u8; 2] = [7, 0x80];
const KEY_ENCIPHERMENT: [u8; 2] = [5, 0x20];
const KEY_CERT_SIGN: [u8; 2] = [2, 0x04];
const BOTH_SIGNATURES: [u8; 2] = [2, 0x84];

pub(crate) fn add(suite: &mut Suite) {
    add_constraints_of_organisations(suite);
    add_constraints_of_members(suite);
    add_usage(suite);
    for role in [ORGANISATIONS, MEMBERS] {
        add_key_ids(suite, role);
        add_others(suite, role);
    }
    let info = (
        "organisation-certificate-no-authority-key-id",
        KEY_IDS,
        "A certificate that is signed by itself may leave the authority key identifier out.",
    );
    suite.valid(MEMBER, info, |case| drop(case.recipe.organisation.extensions.remove(1)));
    let info = (
        "member-certificate-no-authority-key-id",
        KEY_IDS,
        "A member's certificate has an authority key identifier.",
    );
    suite.invalid(MEMBER, info, "member-certificate-authority-key-id", |case| {
        case.recipe.member.extensions.remove(1);
    });
}

fn add_constraints_of_organisations(suite: &mut Suite) {
    let info =
        ("organisation-certificate-no-path-length", CONSTRAINTS, "A path length is optional.");
    suite.valid(MEMBER, info, |case| *case.recipe.organisation.path_length() = None);
    let info = (
        "organisation-certificate-no-constraints",
        CONSTRAINTS,
        "An organisation's certificate has basic constraints.",
    );
    suite.invalid(MEMBER, info, "organisation-certificate-basic-constraints", |case| {
        case.recipe.organisation.extensions.remove(0);
    });
    let info = (
        "organisation-certificate-constraints-not-critical",
        CONSTRAINTS,
        "An organisation's basic constraints are critical.",
    );
    suite.invalid(MEMBER, info, "organisation-certificate-basic-constraints", |case| {
        case.recipe.organisation.constraints().critical = Critical::No;
    });
    let info = (
        "organisation-certificate-no-ca",
        CONSTRAINTS,
        "An organisation's certificate has cA, even if it signs only itself.",
    );
    suite.invalid(ORGANISATION, info, "organisation-certificate-ca", |case| {
        *case.recipe.organisation.authority() = None;
    });
    let info =
        ("organisation-certificate-ca-false", CONSTRAINTS, "A default value is not encoded.");
    suite.invalid(MEMBER, info, "organisation-certificate-malformed", |case| {
        *case.recipe.organisation.authority() = Some(0);
    });
    let info = ("organisation-certificate-ca-1", CONSTRAINTS, "TRUE is 255 in DER, not 1.");
    suite.invalid(MEMBER, info, "organisation-certificate-malformed", |case| {
        *case.recipe.organisation.authority() = Some(1);
    });
}

fn add_constraints_of_members(suite: &mut Suite) {
    let info = (
        "member-certificate-path-length",
        CONSTRAINTS,
        "A member's certificate may have a path length without cA, as the deployed library writes.",
    );
    suite.valid(MEMBER, info, |case| *case.recipe.member.path_length() = Some(0));
    let info = (
        "member-certificate-no-constraints",
        CONSTRAINTS,
        "A member's certificate may have no basic constraints.",
    );
    suite.valid(MEMBER, info, |case| drop(case.recipe.member.extensions.remove(0)));
    let info = (
        "member-certificate-constraints-not-critical",
        CONSTRAINTS,
        "A member's basic constraints need not be critical.",
    );
    suite.valid(MEMBER, info, |case| case.recipe.member.constraints().critical = Critical::No);
    let info = ("member-certificate-ca", CONSTRAINTS, "A member is not a CA.");
    suite.invalid(MEMBER, info, "member-certificate-ca", |case| {
        *case.recipe.member.authority() = Some(0xff);
    });
    let info = ("member-certificate-ca-false", CONSTRAINTS, "A default value is not encoded.");
    suite.invalid(MEMBER, info, "member-certificate-malformed", |case| {
        *case.recipe.member.authority() = Some(0);
    });
}

fn usage(bits: [u8; 2]) -> Extension {
    Extension { critical: Critical::Yes, value: ExtensionValue::KeyUsage(bits.into()) }
}

fn set_usage(extension: &mut Extension, bits: impl Into<Octets>) {
    extension.value = ExtensionValue::KeyUsage(bits.into());
}

fn add_usage(suite: &mut Suite) {
    let info = (
        "key-usage-of-member-chain",
        USAGE,
        "A key usage that allows what the keys are used for: to sign certificates, and signatures.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.organisation.extensions.push(usage(KEY_CERT_SIGN));
        case.recipe.member.extensions.push(usage(DIGITAL_SIGNATURE));
    });
    let info = (
        "key-usage-organisation-signatures-alone",
        USAGE,
        "A key whose usage does not allow certificates does not sign any.",
    );
    suite.invalid(
        "key-usage-of-member-chain",
        info,
        "organisation-certificate-key-usage",
        |case| {
            set_usage(&mut case.recipe.organisation.extensions[3], DIGITAL_SIGNATURE);
        },
    );
    let info = (
        "key-usage-member-encryption-alone",
        USAGE,
        "A key whose usage does not allow signatures does not sign anything.",
    );
    suite.invalid("key-usage-of-member-chain", info, "member-certificate-key-usage", |case| {
        set_usage(&mut case.recipe.member.extensions[3], KEY_ENCIPHERMENT);
    });
    let info = ("key-usage-unused-bits", USAGE, "A bit that is not used is not set.");
    suite.invalid(
        "key-usage-of-member-chain",
        info,
        "organisation-certificate-malformed",
        |case| {
            set_usage(&mut case.recipe.organisation.extensions[3], [7, 0x84]);
        },
    );
    let info =
        ("key-usage-trailing-zeros", USAGE, "A list of named bits ends with a bit that is set.");
    suite.invalid(
        "key-usage-of-member-chain",
        info,
        "organisation-certificate-malformed",
        |case| {
            set_usage(&mut case.recipe.organisation.extensions[3], [0, 0x04]);
        },
    );
    let info = (
        "key-usage-of-organisation-signature",
        USAGE,
        "An organisation's key that signs its certificate and a token needs the key usage for both.",
    );
    suite.valid(ORGANISATION, info, |case| {
        case.recipe.organisation.extensions.push(usage(BOTH_SIGNATURES));
    });
    let info = (
        "key-usage-organisation-certificates-alone",
        USAGE,
        "An organisation's key whose usage allows only certificates does not sign tokens.",
    );
    suite.invalid(
        "key-usage-of-organisation-signature",
        info,
        "organisation-certificate-key-usage",
        |case| {
            set_usage(&mut case.recipe.organisation.extensions[3], KEY_CERT_SIGN);
        },
    );
}

fn add_key_ids(suite: &mut Suite, role: CertificateRole) {
    let code = role.certificate("subject-key-id");
    let info =
        (role.certificate("no-subject-key-id"), KEY_IDS, "A subject key identifier is required.");
    suite.invalid(MEMBER, info, code, |case| drop((role.select)(case).extensions.remove(2)));
    let key_info = |hash: Hash| {
        let key = Key::named(role.key("2048"));
        hash.digest(&key.subject_public_key_info().encode())
    };
    let bits = match Key::named(role.key("2048")) {
        Key::Rsa(key) => Hash::Sha256.digest(&key.public_key().encode()),
        _ => panic!("organisations and members have RSA keys"),
    };
    for (name, shows, octets) in [
        (
            "subject-key-id-sha1",
            "A subject key identifier is a SHA-256 digest, not SHA-1.",
            key_info(Hash::Sha1),
        ),
        (
            "subject-key-id-of-bits",
            "A subject key identifier is of the whole SubjectPublicKeyInfo, not of its bits.",
            bits,
        ),
        ("subject-key-id-empty", "A subject key identifier is not empty.", Vec::new()),
    ] {
        suite.invalid(MEMBER, (role.certificate(name), KEY_IDS, shows), code, |case| {
            *(role.select)(case).subject_key_id() = Some(octets.into());
        });
    }
    let info = (
        role.certificate("other-authority-key-id"),
        KEY_IDS,
        "The authority key identifier is the organisation's subject key identifier.",
    );
    suite.invalid(MEMBER, info, role.certificate("authority-key-id"), |case| {
        *(role.select)(case).authority_key_id() = Some(vec![0xaa; 32].into());
    });
}

fn add_others(suite: &mut Suite, role: CertificateRole) {
    let unknown = |critical| Extension {
        critical,
        value: ExtensionValue::Other("1.3.6.1.4.1.58708.99", [5, 0].into()),
    };
    let push = |suite: &mut Suite, name, shows, code, extension: Extension| {
        suite.invalid(
            MEMBER,
            (role.certificate(name), OTHERS, shows),
            role.certificate(code),
            |case| {
                (role.select)(case).extensions.push(extension);
            },
        );
    };
    let info = (
        role.certificate("unknown-extension"),
        OTHERS,
        "An unknown extension that is not critical is ignored.",
    );
    suite.valid(MEMBER, info, |case| (role.select)(case).extensions.push(unknown(Critical::No)));
    let shows = "An unknown extension that is critical is rejected.";
    push(suite, "unknown-critical-extension", shows, "extension-unknown", unknown(Critical::Yes));
    let constraints = ExtensionValue::Other("2.5.29.30", [0x30, 0].into());
    let shows = "Name constraints that are critical are rejected: they are unknown here.";
    push(
        suite,
        "name-constraints",
        shows,
        "extension-unknown",
        Extension { critical: Critical::Yes, value: constraints },
    );
    let shows = "An extension occurs once.";
    let again = Extension { critical: Critical::No, value: ExtensionValue::SubjectKeyId(None) };
    push(suite, "extension-twice", shows, "extension-duplicate", again);
    let shows = "A default value is not encoded: extensions that are not critical do not say so.";
    push(suite, "critical-false", shows, "malformed", unknown(Critical::Encoded(0)));
    let info =
        (role.certificate("extension-constructed"), OTHERS, "An extension's value is primitive.");
    suite.invalid(MEMBER, info, role.certificate("malformed"), |case| {
        (role.select)(case).edit = Some(Edit::at(&[7, 0, 2, 1], Change::Chunk));
    });
    let shows = "TRUE is 255 in DER, not 1.";
    push(suite, "critical-1", shows, "malformed", unknown(Critical::Encoded(1)));
}
