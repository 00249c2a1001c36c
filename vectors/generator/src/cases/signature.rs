//! The algorithms of CMS signatures, and the octets that they cover.

use super::base::{MEMBER, ORGANISATION};
use super::signed_data::signer;
use crate::hash::Hash;
use crate::octets::Octets;
use crate::recipe::{AttributesOrder, Covers, Pss, SignatureAlgorithm};
use crate::suite::Suite;

const DIGEST: &str = "cms-digest-algorithm";
const ALGORITHM: &str = "cms-signature-algorithm";
const SIGNATURE: &str = "cms-signature";

type PssChange = fn(&mut Pss);

pub(crate) fn add(suite: &mut Suite) {
    add_digests(suite);
    add_algorithms(suite);
    add_signatures(suite);
}

fn add_digests(suite: &mut Suite) {
    for (name, hash) in [("cms-digest-sha384", Hash::Sha384), ("cms-digest-sha512", Hash::Sha512)] {
        let info = (
            name,
            DIGEST,
            "The digest may be SHA-384 or SHA-512, whatever the hash of the signature.",
        );
        suite.valid(MEMBER, info, signer(|signer| signer.digest = hash));
    }
    let info =
        ("cms-digest-without-null", DIGEST, "The digest's algorithm may have no parameters.");
    suite.valid(MEMBER, info, signer(|signer| signer.digest_null = false));
    for (name, hash) in [("cms-digest-sha1", Hash::Sha1), ("cms-digest-sha224", Hash::Sha224)] {
        let info = (name, DIGEST, "The digest is SHA-256, SHA-384 or SHA-512.");
        suite.invalid(MEMBER, info, "signature-algorithm", signer(|signer| signer.digest = hash));
    }
}

fn add_algorithms(suite: &mut Suite) {
    for (name, hash) in [("cms-pss-sha384", Hash::Sha384), ("cms-pss-sha512", Hash::Sha512)] {
        let info = (
            name,
            ALGORITHM,
            "The hash of the signature may be SHA-384 or SHA-512, whatever the digest and the key.",
        );
        suite.valid(
            MEMBER,
            info,
            signer(|signer| signer.algorithm = SignatureAlgorithm::pss(hash)),
        );
    }
    let pss = |change: fn(&mut Pss)| signer(move |signer| change(signer.algorithm.as_pss()));
    let info = ("cms-pss-trailer-1", ALGORITHM, "The trailer may be 1, explicitly.");
    suite.valid(MEMBER, info, pss(|pss| pss.trailer = Some(1)));
    let info =
        ("cms-pss-without-null", ALGORITHM, "The hashes of the signature may have no parameters.");
    suite.valid(MEMBER, info, pss(|pss| pss.null = false));
    let changes: [(&'static str, &'static str, PssChange); 6] = [
        ("cms-pss-sha1", "SHA-1 is rejected.", |pss| pss.hash = Hash::Sha1),
        ("cms-pss-mask-hash", "MGF1 uses the hash of the signature.", |pss| {
            pss.mask_hash = Some(Hash::Sha384);
        }),
        ("cms-pss-mask-sha1", "MGF1 does not use SHA-1.", |pss| pss.mask_hash = Some(Hash::Sha1)),
        ("cms-pss-salt-short", "The salt is as long as the hash.", |pss| {
            pss.salt_length = Some(20);
        }),
        ("cms-pss-trailer-2", "The trailer is not 2.", |pss| pss.trailer = Some(2)),
        ("cms-pss-parameters-missing", "The parameters of RSASSA-PSS are explicit.", |pss| {
            pss.omitted = true;
        }),
    ];
    for (name, shows, change) in changes {
        suite.invalid(MEMBER, (name, ALGORITHM, shows), "signature-algorithm", pss(change));
    }
    let info = ("cms-pkcs1", ALGORITHM, "RSASSA-PKCS1-v1_5 is rejected.");
    let pkcs1 = signer(|signer| signer.algorithm = SignatureAlgorithm::Pkcs1(Hash::Sha256));
    suite.invalid(MEMBER, info, "signature-algorithm", pkcs1);
    let info =
        ("cms-pss-other-salt", ALGORITHM, "A salt of another length than declared is rejected.");
    suite.invalid(MEMBER, info, "signature-mismatch", pss(|pss| pss.used_salt_length = Some(20)));
}

fn add_signatures(suite: &mut Suite) {
    const CODE: &str = "signature-mismatch";
    const UNSORTED: &str = "cms-attributes-unsorted";
    let info = (
        UNSORTED,
        SIGNATURE,
        "The signed attributes may be in any order; the signature covers them as they are.",
    );
    suite.valid(
        ORGANISATION,
        info,
        signer(|signer| signer.attributes_order = AttributesOrder::AsListed),
    );
    let info = (
        "cms-signature-over-sorted-attributes",
        SIGNATURE,
        "The signature does not cover the attributes in the order of DER, if they are in another.",
    );
    suite.invalid(UNSORTED, info, CODE, signer(|signer| signer.covers = Covers::Sorted));
    for (name, shows, covers) in [
        (
            "cms-signature-over-tag-as-sent",
            "The signature covers the attributes under the tag of a SET.",
            Covers::TagAsSent,
        ),
        (
            "cms-signature-over-content",
            "The signature covers the attributes, not the content.",
            Covers::Plaintext,
        ),
    ] {
        suite.invalid(
            MEMBER,
            (name, SIGNATURE, shows),
            CODE,
            signer(|signer| signer.covers = covers),
        );
    }
    let info = ("cms-signed-by-stranger", SIGNATURE, "The key of the signer's certificate signs.");
    suite.invalid(MEMBER, info, CODE, signer(|signer| signer.key = Some("stranger-2048")));
    let info = (
        "cms-signed-by-organisation-for-member",
        SIGNATURE,
        "The organisation's key does not sign in a member's place.",
    );
    suite.invalid(MEMBER, info, CODE, signer(|signer| signer.key = Some("organisation-2048")));
    let info = (
        "cms-signed-by-member-for-organisation",
        SIGNATURE,
        "A member's key does not sign in the organisation's place.",
    );
    suite.invalid(ORGANISATION, info, CODE, signer(|signer| signer.key = Some("member-2048")));
    let info = ("cms-signature-zero", SIGNATURE, "A signature of zeros is invalid.");
    suite.invalid(
        MEMBER,
        info,
        CODE,
        signer(|signer| signer.signature = Some(vec![0; 256].into())),
    );
    let info = ("cms-signature-empty", SIGNATURE, "An empty signature is invalid.");
    suite.invalid(MEMBER, info, CODE, signer(|signer| signer.signature = Some(Octets::default())));
}
