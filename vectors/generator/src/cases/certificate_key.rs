//! The keys of certificates.

use super::base::{MEMBER, MEMBER_ID, ORGANISATION};
use super::certificate::{CertificateRole, MEMBERS, ORGANISATIONS};
use crate::der::{Change, Edit};
use crate::dns::{Rdata, TxtRdata};
use crate::suite::Suite;

const KEY: &str = "certificate-key";
/// The contents of 1.2.840.113549.1.1.10.
const PSS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

pub(crate) fn add(suite: &mut Suite) {
    for role in [ORGANISATIONS, MEMBERS] {
        add_keys(suite, role);
    }
    add_key_sizes(suite);
}

fn add_keys(suite: &mut Suite, role: CertificateRole) {
    for (key, code, shows) in [
        ("1024", "key-size", "An RSA key of 1024 bits is rejected."),
        (
            "2560",
            "key-size",
            "An RSA key of 2560 bits, which no TXT record can publish, is rejected.",
        ),
        (
            "exponent-34-bits",
            "key-exponent",
            "An RSA key with an exponent above 33 bits is rejected.",
        ),
        ("p256", "key-algorithm", "An elliptic-curve key is rejected."),
    ] {
        let name =
            if key.starts_with(char::is_numeric) { format!("rsa-{key}") } else { key.to_owned() };
        // An elliptic-curve key cannot sign with RSASSA-PSS, so the case has no signature.
        let twin = if (role.name, key) == ("member", "p256") { MEMBER_ID } else { MEMBER };
        let info = (role.certificate(&name), KEY, shows);
        suite.invalid(twin, info, role.certificate(code), |case| {
            (role.select)(case).key = role.key(key);
        });
    }
    for (name, code, shows, edit) in [
        (
            "key-without-null",
            "malformed",
            "The key's algorithm has NULL parameters.",
            Edit::at(&[0, 1], Change::Remove),
        ),
        (
            "key-null-not-empty",
            "key-algorithm",
            "NULL is empty.",
            Edit::at(&[0, 1], Change::Contents([0].into())),
        ),
        (
            "key-surplus-field",
            "malformed",
            "The key has two fields.",
            Edit::at(&[], Change::Append([5, 0].into())),
        ),
        (
            "key-trailing-octets",
            "malformed",
            "Nothing follows the two numbers of the key.",
            Edit::at(&[1], Change::Append([5, 0].into())),
        ),
        (
            "key-unused-bits",
            "malformed",
            "The key is whole octets.",
            Edit::at(&[1, 0], Change::Replace([1].into())),
        ),
        (
            "key-padded-length",
            "malformed",
            "The key is in DER: lengths are in their shortest form.",
            Edit::at(&[1, 1, 1], Change::PadLength),
        ),
        (
            "key-padded-exponent",
            "malformed",
            "The key's numbers are in their shortest form.",
            Edit::at(&[1, 1, 1], Change::Contents([0, 1, 0, 1].into())),
        ),
        (
            "key-negative-exponent",
            "malformed",
            "The key's numbers are positive.",
            Edit::at(&[1, 1, 1], Change::Contents([0x81, 0, 1].into())),
        ),
        (
            "key-pss",
            "key-algorithm",
            "The key's algorithm is rsaEncryption, not id-RSASSA-PSS.",
            Edit::at(&[0, 0], Change::Contents(PSS.into())),
        ),
    ] {
        let info = (role.certificate(name), KEY, shows);
        suite.invalid(MEMBER, info, role.certificate(code), |case| {
            (role.select)(case).key_edit = Some(edit);
        });
    }
}

fn add_key_sizes(suite: &mut Suite) {
    for (name, shows, key, record) in [
        (
            "organisation-rsa-3072",
            "An organisation's key may have 3072 bits.",
            "organisation-3072",
            "2 {sha384-padded} 3600",
        ),
        (
            "organisation-rsa-4096",
            "An organisation's key may have 4096 bits.",
            "organisation-4096",
            "3 {sha512-padded} 3600",
        ),
    ] {
        suite.valid(MEMBER, (name, KEY, shows), |case| {
            case.recipe.organisation.key = key;
            case.recipe.chain.txt().answer[0].data =
                Rdata::Txt(TxtRdata { strings: vec![record.to_owned()] });
        });
    }
    for (name, shows, key) in [
        ("member-rsa-3072", "A member's key may have 3072 bits.", "member-3072"),
        ("member-rsa-4096", "A member's key may have 4096 bits.", "member-4096"),
    ] {
        suite.valid(MEMBER, (name, KEY, shows), |case| case.recipe.member.key = key);
    }
    for role in [ORGANISATIONS, MEMBERS] {
        let name = role.certificate("exponent-33-bits");
        let info = (name, KEY, "An RSA key may have an exponent of 33 bits.");
        suite.valid(MEMBER, info, |case| (role.select)(case).key = role.key("exponent-33-bits"));
    }
    let info = (
        "limit-of-3072-bits",
        KEY,
        "A minimum size of keys can be configured; keys of that size are accepted.",
    );
    suite.valid("organisation-rsa-3072", info, |case| {
        case.recipe.member.key = "member-3072";
        case.context.min_modulus_bits = Some(3072);
    });
    let info =
        ("limit-above-member-key", KEY, "A member's key below the minimum size is rejected.");
    suite.invalid("limit-of-3072-bits", info, "member-certificate-key-size", |case| {
        case.recipe.member.key = "member-2048";
    });
    let info = (
        "limit-above-organisation-key",
        KEY,
        "An organisation's key below the minimum size is rejected.",
    );
    suite.invalid(ORGANISATION, info, "organisation-certificate-key-size", |case| {
        case.context.min_modulus_bits = Some(3072);
    });
}
