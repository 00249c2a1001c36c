//! The DS records and trust anchors of the keys of zones.

use super::base::{CHAIN, MEMBER};
use super::chain_keys::{UNKNOWN, UNTRUSTED, UNUSABLE, ZONE, add_key};
use crate::case::Case;
use crate::dns::{Chain, Ds, KeyRef, PublicKey, Rdata, Record, TYPE_DNSKEY, TYPE_DS, ZoneKey};
use crate::octets::Octets;
use crate::suite::{Suite, leak};

const DELEGATION: &str = "chain-delegation";
const ANCHORS: &str = "chain-trust-anchors";
const SIBLINGS: &str = "chain-unknown-beside";

type DsChange = fn(&mut Ds);

pub(crate) fn add(suite: &mut Suite) {
    add_delegations(suite);
    add_sibling_records(suite);
    add_anchors(suite);
}

/// Returns the DS record of the zone.
fn ds(case: &mut Case) -> &mut Ds {
    match &mut case.recipe.chain.message(ZONE, TYPE_DS).answer[0].data {
        Rdata::Ds(ds) => ds,
        _ => panic!("the first record is the delegation"),
    }
}

fn add_delegations(suite: &mut Suite) {
    let info = ("chain-ds-sha384", DELEGATION, "A delegation may have a SHA-384 digest.");
    suite.valid(CHAIN, info, |case| ds(case).digest_type = 4);
    let info = (
        "chain-ds-of-zsk",
        DELEGATION,
        "The keys of a zone may be signed by any key that the delegation names.",
    );
    suite.valid(CHAIN, info, |case| {
        ds(case).of = KeyRef { zone: 2, key: 1 };
        case.recipe.chain.rrsig(ZONE, TYPE_DNSKEY).by = KeyRef { zone: 2, key: 1 };
    });
    let info = (
        "chain-ds-of-other-key",
        DELEGATION,
        "A key that the delegation does not name does not sign the keys of a zone.",
    );
    suite.invalid("chain-ds-of-zsk", info, UNKNOWN, |case| {
        case.recipe.chain.rrsig(ZONE, TYPE_DNSKEY).by = KeyRef { zone: 2, key: 0 };
    });
    let changes: [(&'static str, &'static str, &'static str, DsChange); 8] = [
        ("chain-ds-sha1", "A SHA-1 digest is ignored.", UNUSABLE, |ds| ds.digest_type = 1),
        ("chain-ds-gost", "A digest of type 3 is unknown.", UNUSABLE, |ds| ds.digest_type = 3),
        ("chain-ds-unknown-digest", "A digest of type 5 is unknown.", UNUSABLE, |ds| {
            ds.digest_type = 5;
        }),
        ("chain-ds-cut", "A digest that is too short is ignored.", UNUSABLE, |ds| {
            ds.digest = Some(vec![0; 31].into());
        }),
        ("chain-ds-empty", "An empty digest is ignored.", UNUSABLE, |ds| {
            ds.digest = Some(Octets::default());
        }),
        ("chain-ds-other-digest", "A delegation names a key by its digest.", UNTRUSTED, |ds| {
            ds.digest = Some(vec![0; 32].into());
        }),
        ("chain-ds-other-tag", "A delegation names a key by its tag, too.", UNTRUSTED, |ds| {
            ds.tag = Some(1);
        }),
        (
            "chain-ds-other-algorithm",
            "A delegation names a key by its algorithm, too.",
            UNTRUSTED,
            |ds| ds.algorithm = Some(14),
        ),
    ];
    for (name, shows, code, change) in changes {
        suite.invalid(CHAIN, (name, DELEGATION, shows), code, |case| change(ds(case)));
    }
}

fn add_sibling_records(suite: &mut Suite) {
    let own = || Ds::new(KeyRef { zone: 2, key: 0 });
    for (name, shows, other) in [
        (
            "chain-ds-sha1-beside",
            "A SHA-1 digest beside a valid one is ignored.",
            Ds { digest_type: 1, ..own() },
        ),
        (
            "chain-ds-unknown-digest-beside",
            "An unknown digest beside a valid one is ignored.",
            Ds { digest_type: 5, ..own() },
        ),
        (
            "chain-ds-other-digest-beside",
            "A digest of another key beside a valid one is ignored.",
            Ds { digest: Some(vec![0; 32].into()), ..own() },
        ),
        (
            "chain-ds-unknown-algorithm-beside",
            "A delegation of an unknown algorithm beside a valid one is ignored.",
            Ds { algorithm: Some(16), ..own() },
        ),
        (
            "chain-ds-cut-beside",
            "A delegation that is too short beside a valid one is ignored.",
            Ds { digest: Some(Octets::default()), ..own() },
        ),
    ] {
        suite.valid(CHAIN, (name, SIBLINGS, shows), |case| {
            let record = Record::new(ZONE, Rdata::Ds(other));
            case.recipe.chain.message(ZONE, TYPE_DS).answer.insert(0, record);
        });
    }
    let key = |algorithm, public_key| ZoneKey {
        public_key,
        ..ZoneKey::with_algorithm("sub", ZoneKey::ZSK, algorithm)
    };
    for (name, shows, key) in [
        (
            "chain-key-ed448-beside",
            "An Ed448 key beside valid ones is ignored.",
            key(16, PublicKey::Octets(vec![7; 57].into())),
        ),
        (
            "chain-key-sha1-beside",
            "A key for SHA-1 beside valid ones is ignored.",
            key(5, PublicKey::Octets(vec![7; 132].into())),
        ),
        (
            "chain-key-cut-beside",
            "A key that is too short beside valid ones is ignored.",
            key(13, PublicKey::Octets(vec![7; 63].into())),
        ),
        (
            "chain-key-empty-beside",
            "An empty key beside valid ones is ignored.",
            key(8, PublicKey::Octets(Octets::default())),
        ),
        (
            "chain-key-off-curve-beside",
            "A key that is not a point of its curve beside valid ones is ignored.",
            key(13, PublicKey::Octets(vec![7; 64].into())),
        ),
    ] {
        suite.valid(CHAIN, (name, SIBLINGS, shows), |case| add_key(&mut case.recipe.chain, key));
    }
    let info = (
        "chain-dnskey-without-data-beside",
        SIBLINGS,
        "A DNSKEY record without a key beside valid ones is ignored.",
    );
    suite.valid(CHAIN, info, |case| {
        let record = Record::new(ZONE, Rdata::Other(TYPE_DNSKEY, [1].into()));
        case.recipe.chain.message(ZONE, TYPE_DNSKEY).answer.insert(0, record);
    });
}

/// Returns the digest of a trust anchor with another last digit.
fn with_other_digest(anchor: &str) -> String {
    let (head, last) = anchor.split_at(anchor.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

fn other_root(mut chain: Chain) -> String {
    chain.zones[0].keys[0].key = "other-root";
    chain.anchor(0)
}

fn add_anchors(suite: &mut Suite) {
    const ROLLED: &str = "chain-trust-anchors-of-both-states";
    for (twin, prefix) in [(CHAIN, "chain"), (MEMBER, "bundle")] {
        let info = (
            leak(format!("{prefix}-no-trust-anchors")),
            ANCHORS,
            "Without a trust anchor, nothing is authenticated.",
        );
        suite.invalid(twin, info, "dnssec-no-trust-anchor", |case| {
            case.context.trust_anchors.clear();
        });
        let info = (
            leak(format!("{prefix}-other-trust-anchor")),
            ANCHORS,
            "A root that no trust anchor names proves nothing.",
        );
        suite.invalid(twin, info, UNTRUSTED, |case| {
            case.context.trust_anchors[0] = other_root(case.recipe.chain.clone());
        });
        let info = (
            leak(format!("{prefix}-iana-trust-anchors")),
            ANCHORS,
            "A root that is not IANA's proves nothing under IANA's trust anchors.",
        );
        suite.invalid(twin, info, UNTRUSTED, |case| {
            case.context.trust_anchors[0] = "iana".to_owned();
        });
    }
    let info = ("chain-several-trust-anchors", ANCHORS, "Any of several trust anchors is enough.");
    suite.valid(CHAIN, info, |case| {
        let other = other_root(case.recipe.chain.clone());
        case.context.trust_anchors.insert(0, other);
    });
    let info =
        ("chain-trust-anchor-other-digest", ANCHORS, "A trust anchor names a key by its digest.");
    suite.invalid(CHAIN, info, UNTRUSTED, |case| {
        let anchor = &mut case.context.trust_anchors[0];
        *anchor = with_other_digest(anchor);
    });
    let info = (
        "chain-trust-anchor-of-zsk",
        ANCHORS,
        "A trust anchor names the key that signs the root's keys.",
    );
    suite.invalid(CHAIN, info, UNKNOWN, |case| {
        case.context.trust_anchors[0] = case.recipe.chain.anchor(1);
    });
    let info = (ROLLED, ANCHORS, "Trust anchors of one key as it is and as it is when revoked.");
    suite.valid(CHAIN, info, |case| {
        let mut revoked = case.recipe.chain.clone();
        revoked.zones[0].keys[0].flags |= ZoneKey::REVOKE;
        case.context.trust_anchors.push(revoked.anchor(0));
    });
    let info = (
        "chain-root-key-revoked",
        ANCHORS,
        "A revoked key of the root is ignored, even if a trust anchor names it.",
    );
    suite.invalid(ROLLED, info, UNTRUSTED, |case| {
        case.recipe.chain.zones[0].keys[0].flags |= ZoneKey::REVOKE;
    });
}
