//! The structure, algorithms, keys and signatures of certificates.

use super::base::{MEMBER, MEMBER_ID, ORGANISATION};
use crate::case::Case;
use crate::der::{Change, Edit};
use crate::hash::Hash;
use crate::key::KeyName;
use crate::octets::Octets;
use crate::recipe::{
    Attached, Certificate, Identity, Issuer, Pss, SignatureAlgorithm, bmp, common_name,
};
use crate::suite::{Suite, leak};

const STRUCTURE: &str = "certificate-der";
const SERIAL: &str = "certificate-serial";
const VERSION: &str = "certificate-version";
const ALGORITHM: &str = "certificate-signature-algorithm";
const ISSUER: &str = "certificate-issuer";

type PssChange = fn(&mut Pss);

/// The certificate that a case changes.
#[derive(Clone, Copy)]
pub(super) struct CertificateRole {
    pub(super) name: &'static str,
    pub(super) select: fn(&mut Case) -> &mut Certificate,
}

pub(super) const ORGANISATIONS: CertificateRole =
    CertificateRole { name: "organisation", select: |case| &mut case.recipe.organisation };
pub(super) const MEMBERS: CertificateRole =
    CertificateRole { name: "member", select: |case| &mut case.recipe.member };

impl CertificateRole {
    /// Returns a name or a code with the role as its prefix.
    pub(super) fn certificate(self, suffix: &str) -> &'static str {
        leak(format!("{}-certificate-{suffix}", self.name))
    }

    pub(super) fn key(self, suffix: &str) -> KeyName {
        leak(format!("{}-{suffix}", self.name))
    }
}

pub(crate) fn add(suite: &mut Suite) {
    for role in [ORGANISATIONS, MEMBERS] {
        add_versions(suite, role);
        add_algorithms(suite, role);
        add_issuers(suite, role);
        add_structure(suite, role);
    }
    add_serials(suite);
    add_intermediate(suite);
}

fn add_versions(suite: &mut Suite, role: CertificateRole) {
    for (version, shows, octets) in [
        ("v1", "A certificate of version 1, which leaves the field out, is rejected.", None),
        ("v2", "A certificate of version 2 is rejected.", Some([1])),
        ("v4", "A certificate of version 4 is rejected.", Some([3])),
    ] {
        let info = (role.certificate(version), VERSION, shows);
        suite.invalid(MEMBER, info, role.certificate("version"), |case| {
            (role.select)(case).version = octets.map(Octets::from);
        });
    }
}

fn add_algorithms(suite: &mut Suite, role: CertificateRole) {
    for (hash, shows, algorithm) in [
        ("sha384", "SHA-384 is allowed, whatever the size of the key.", Hash::Sha384),
        ("sha512", "SHA-512 is allowed, whatever the size of the key.", Hash::Sha512),
    ] {
        suite.valid(MEMBER, (role.certificate(hash), ALGORITHM, shows), |case| {
            (role.select)(case).algorithm = SignatureAlgorithm::pss(algorithm);
        });
    }
    let code = role.certificate("algorithm");
    let changes: [(&str, &'static str, bool, PssChange); 9] = [
        ("trailer-1", "The trailer may be 1, explicitly.", true, |pss| pss.trailer = Some(1)),
        ("hash-without-null", "The hashes may have no parameters.", true, |pss| pss.null = false),
        ("sha1", "SHA-1 is rejected.", false, |pss| pss.hash = Hash::Sha1),
        ("sha224", "SHA-224 is rejected.", false, |pss| pss.hash = Hash::Sha224),
        ("mask-hash", "MGF1 uses the hash of the signature.", false, |pss| {
            pss.mask_hash = Some(Hash::Sha384);
        }),
        ("salt-short", "The salt is as long as the hash.", false, |pss| pss.salt_length = Some(20)),
        ("salt-empty", "The salt is not empty.", false, |pss| pss.salt_length = Some(0)),
        ("trailer-2", "The trailer is not 2.", false, |pss| pss.trailer = Some(2)),
        ("pss-parameters-missing", "The parameters of RSASSA-PSS are explicit.", false, |pss| {
            pss.omitted = true;
        }),
    ];
    for (name, shows, is_valid, change) in changes {
        let info = (role.certificate(name), ALGORITHM, shows);
        let change = |case: &mut Case| change((role.select)(case).algorithm.as_pss());
        if is_valid {
            suite.valid(MEMBER, info, change);
        } else {
            suite.invalid(MEMBER, info, code, change);
        }
    }
    let info = (role.certificate("pkcs1"), ALGORITHM, "RSASSA-PKCS1-v1_5 is rejected.");
    suite.invalid(MEMBER, info, code, |case| {
        (role.select)(case).algorithm = SignatureAlgorithm::Pkcs1(Hash::Sha256);
    });
    let info = (
        role.certificate("other-salt"),
        ALGORITHM,
        "A salt of another length than declared is rejected.",
    );
    suite.invalid(MEMBER, info, role.certificate("signature"), |case| {
        (role.select)(case).algorithm.as_pss().used_salt_length = Some(20);
    });
    let info = (
        role.certificate("two-algorithms"),
        ALGORITHM,
        "The signed algorithm identifier is the one of the signature.",
    );
    suite.invalid(MEMBER, info, role.certificate("algorithm-mismatch"), |case| {
        (role.select)(case).signed_algorithm = Some(SignatureAlgorithm::pss(Hash::Sha512));
    });
}

fn add_issuers(suite: &mut Suite, role: CertificateRole) {
    let info =
        (role.certificate("other-issuer"), ISSUER, "The issuer's name is the organisation's.");
    suite.invalid(MEMBER, info, role.certificate("issuer"), |case| {
        (role.select)(case).issuer = Some(common_name(bmp("example.org")));
    });
    let code = role.certificate("signature");
    let info = (
        role.certificate("signed-by-stranger"),
        ISSUER,
        "Only the organisation's key signs the certificate.",
    );
    suite.invalid(MEMBER, info, code, |case| (role.select)(case).signer = Some("stranger-2048"));
    let info = (role.certificate("signature-zero"), ISSUER, "A signature of zeros is invalid.");
    suite.invalid(MEMBER, info, code, |case| {
        (role.select)(case).signature = Some(vec![0; 256].into());
    });
    let info = (role.certificate("signature-empty"), ISSUER, "An empty signature is invalid.");
    suite.invalid(MEMBER, info, code, |case| {
        (role.select)(case).signature = Some(Vec::new().into());
    });
}

/// Adds structural errors. An organisation's certificate is parsed first; a member's is parsed
/// first in a member id bundle.
fn add_structure(suite: &mut Suite, role: CertificateRole) {
    let code = role.certificate("malformed");
    for (name, shows, edit) in [
        ("padded-length", "Lengths are in their shortest form.", Edit::at(&[4], Change::PadLength)),
        ("indefinite-length", "Lengths are definite.", Edit::at(&[4], Change::Indefinite)),
        (
            "surplus-field",
            "No field follows the extensions.",
            Edit::at(&[], Change::Append([5, 0].into())),
        ),
        ("missing-validity", "No field is missing.", Edit::at(&[4], Change::Remove)),
        (
            "third-time",
            "A validity has two times.",
            Edit::at(&[4], Change::Append(THIRD_TIME.to_vec().into())),
        ),
        (
            "version-padded",
            "The version is in its shortest form.",
            Edit::at(&[0, 0], Change::Contents([0, 2].into())),
        ),
        ("serial-missing", "A serial number is required.", Edit::at(&[1], Change::Remove)),
        (
            "serial-empty",
            "A serial number has a digit.",
            Edit::at(&[1], Change::Contents(Octets::default())),
        ),
        (
            "serial-negative",
            "A serial number is not negative.",
            Edit::at(&[1], Change::Contents([0xba, 0x11].into())),
        ),
        (
            "version-surplus",
            "The version is one number.",
            Edit::at(&[0], Change::Append([2, 1, 2].into())),
        ),
        (
            "extensions-surplus",
            "The extensions are one list.",
            Edit::at(&[7], Change::Append([0x30, 0].into())),
        ),
    ] {
        suite.malformed(MEMBER_ID, (role.certificate(name), STRUCTURE, shows), code, |case| {
            (role.select)(case).edit = Some(edit);
        });
    }
}

const THIRD_TIME: &[u8] = b"\x17\x0d270130000000Z";

fn add_serials(suite: &mut Suite) {
    let serial = |octets: Vec<u8>| move |case: &mut Case| case.recipe.member.serial = octets.into();
    let info = (
        "serial-with-zeros",
        SERIAL,
        "A serial number may have superfluous zeros: one in 512 of the deployed library's has.",
    );
    suite.valid(MEMBER, info, serial(vec![0, 0x3f, 0x11, 0x52, 0x0d]));
    let info = ("serial-with-zeros-of-organisation", SERIAL, "So may that of an organisation.");
    suite.valid(ORGANISATION, info, |case| {
        case.recipe.organisation.serial = [0, 0x3f, 0x11, 0x52].into();
    });
    let info = (
        "serial-compared-as-number",
        SERIAL,
        "The signer's identifier may have the serial number without the zeros that the certificate has.",
    );
    suite.valid("serial-with-zeros", info, |case| {
        case.recipe.signer().identity = Identity::MemberWithSerial([0x3f, 0x11, 0x52, 0x0d].into());
    });
    let info = ("serial-of-20-octets", SERIAL, "A serial number may have 20 octets.");
    suite.valid(MEMBER, info, serial(vec![0x7f; 20]));
}

fn add_intermediate(suite: &mut Suite) {
    const ATTACHED: &str = "intermediate-attached";
    let info = (
        ATTACHED,
        ISSUER,
        "A CA's certificate by the organisation may be attached, without effect.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.signature.certificates = Some(vec![Attached::Member, Attached::Intermediate]);
    });
    let info = (
        "intermediate-issues-member",
        ISSUER,
        "A member's certificate by a CA of the organisation is rejected.",
    );
    suite.invalid(ATTACHED, info, "member-certificate-issuer", |case| {
        case.recipe.member_issuer = Issuer::Intermediate;
    });
}
