//! The signatures of a chain: their content, their keys and their validity.

use super::base::CHAIN;
use crate::case::Case;
use crate::dns::{KeyRef, Rrsig, Signed, TYPE_DNSKEY, TYPE_DS, TYPE_TXT};
use crate::suite::{Suite, leak};

const TIME: &str = "chain-time";
const SIGNER: &str = "chain-signer";
pub(super) const SIGNATURE: &str = "chain-signature";
pub(super) const OWNER: &str = "_veraid.example.com";

/// The RRsets of the chain: the name in cases, the owner and the type.
const SETS: [(&str, &str, u16); 6] = [
    ("root-dnskey", ".", TYPE_DNSKEY),
    ("com-ds", "com", TYPE_DS),
    ("com-dnskey", "com", TYPE_DNSKEY),
    ("zone-ds", "example.com", TYPE_DS),
    ("zone-dnskey", "example.com", TYPE_DNSKEY),
    ("txt", OWNER, TYPE_TXT),
];

pub(crate) fn add(suite: &mut Suite) {
    for (set, owner, kind) in SETS {
        add_times(suite, set, owner, kind);
        add_per_set(suite, set, owner, kind);
    }
    add_wrapped_times(suite);
    add_signers(suite);
}

pub(super) fn rrsig(
    owner: &'static str,
    kind: u16,
    change: impl FnOnce(&mut Rrsig),
) -> impl FnOnce(&mut Case) {
    move |case| change(case.recipe.chain.rrsig(owner, kind))
}

pub(super) fn txt(change: impl FnOnce(&mut Rrsig)) -> impl FnOnce(&mut Case) {
    rrsig(OWNER, TYPE_TXT, change)
}

fn add_times(suite: &mut Suite, set: &str, owner: &'static str, kind: u16) {
    let named = |suffix: &str| leak(format!("chain-{set}-{suffix}"));
    let (last, first) = (named("last-second"), named("first-second"));
    let info =
        (last, TIME, "A signature is valid in its last second, and the result ends with it.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.rrsig(owner, kind).expiration = "20261122180300".to_owned();
        case.set_period("2026-11-20T05:00:00Z", "2026-11-22T18:03:00Z");
    });
    let info = (named("expired"), TIME, "A signature is not valid a second after its end.");
    let expired = |rrsig: &mut Rrsig| rrsig.expiration = "20261122180259".to_owned();
    suite.invalid(last, info, "dnssec-time", rrsig(owner, kind, expired));
    let info =
        (first, TIME, "A signature is valid in its first second, and the result starts with it.");
    suite.valid(CHAIN, info, |case| {
        case.recipe.chain.rrsig(owner, kind).inception = "20261122180300".to_owned();
        case.set_period("2026-11-22T18:03:00Z", "2026-11-25T03:00:00Z");
    });
    let info =
        (named("not-yet-valid"), TIME, "A signature is not valid a second before its start.");
    let early = |rrsig: &mut Rrsig| rrsig.inception = "20261122180301".to_owned();
    suite.invalid(first, info, "dnssec-time", rrsig(owner, kind, early));
}

fn add_per_set(suite: &mut Suite, set: &str, owner: &'static str, kind: u16) {
    let named = |suffix: &str| leak(format!("chain-{set}-{suffix}"));
    let info = (named("unsigned"), SIGNATURE, "Every set is signed.");
    suite.invalid(CHAIN, info, "dnssec-unsigned", |case| {
        drop(case.recipe.chain.message(owner, kind).answer.pop());
    });
    let info = (named("forged"), SIGNATURE, "Every set's signature is by the key that it names.");
    let noise = |rrsig: &mut Rrsig| rrsig.signed = Signed::Noise(0, 64);
    suite.invalid(CHAIN, info, "dnssec-signature", rrsig(owner, kind, noise));
    let info = (
        named("other-type-covered"),
        SIGNATURE,
        "A signature over records of another type is not valid for these.",
    );
    suite.invalid(CHAIN, info, "dnssec-unsigned", rrsig(owner, kind, |rrsig| rrsig.covers = 1));
}

/// Times are seconds modulo 2^32, which first wrap around on 2106-02-07 at 06:28:16 UTC.
fn add_wrapped_times(suite: &mut Suite) {
    const WRAPPED: &str = "chain-times-beyond-2106";
    let info = (
        WRAPPED,
        TIME,
        "Times are compared by serial-number arithmetic: a signature may start before 2^32 s and end after.",
    );
    suite.valid(CHAIN, info, |case| {
        for (_, owner, kind) in SETS {
            let rrsig = case.recipe.chain.rrsig(owner, kind);
            (rrsig.inception, rrsig.expiration) =
                ("21060207062800".to_owned(), "21060207063000".to_owned());
        }
        case.set_at("2106-02-07T06:29:00Z");
        case.set_period("2106-02-07T06:28:00Z", "2106-02-07T06:30:00Z");
    });
    let info =
        ("chain-times-beyond-2106-expired", TIME, "A signature that ends after 2^32 s ends then.");
    suite.invalid(WRAPPED, info, "dnssec-time", |case| case.set_at("2106-02-07T06:30:01Z"));
    let info = (
        "chain-times-beyond-2106-not-yet-valid",
        TIME,
        "A signature that starts before 2^32 s starts then.",
    );
    suite.invalid(WRAPPED, info, "dnssec-time", |case| case.set_at("2106-02-07T06:27:59Z"));
    let info = ("chain-times-inverted", TIME, "A signature does not end before it starts.");
    suite.invalid(
        CHAIN,
        info,
        "dnssec-signature",
        txt(|rrsig| rrsig.expiration = "20261101000000".to_owned()),
    );
}

fn add_signers(suite: &mut Suite) {
    let by = |zone, key| move |rrsig: &mut Rrsig| rrsig.by = KeyRef { zone, key };
    let info = (
        "chain-txt-by-ksk",
        SIGNER,
        "Any key of the zone may sign its records, also a key-signing key.",
    );
    suite.valid(CHAIN, info, txt(by(2, 0)));
    for (name, shows, zone) in [
        ("chain-txt-by-parent", "A closer zone is authenticated, so its parent does not sign.", 1),
        ("chain-txt-by-root", "A closer zone is authenticated, so the root does not sign.", 0),
    ] {
        suite.invalid(CHAIN, (name, SIGNER, shows), "dnssec-signer", txt(by(zone, 0)));
    }
    let info = (
        "chain-zone-ds-by-root",
        SIGNER,
        "A zone's delegation is its parent's, not one by an ancestor that delegated the parent.",
    );
    suite.invalid(CHAIN, info, "dnssec-signer", rrsig("example.com", TYPE_DS, by(0, 1)));
    let info =
        ("chain-zone-ds-by-child", SIGNER, "A zone's delegation is its parent's, not its own.");
    suite.invalid(CHAIN, info, "dnssec-signer", rrsig("example.com", TYPE_DS, by(2, 0)));
    let info = (
        "chain-zone-dnskey-by-zsk",
        SIGNER,
        "The keys of a zone are signed by one that the delegation names.",
    );
    suite.invalid(CHAIN, info, "dnssec-key-unknown", rrsig("example.com", TYPE_DNSKEY, by(2, 1)));
    let info = (
        "chain-root-dnskey-by-zsk",
        SIGNER,
        "The keys of the root are signed by one that a trust anchor names.",
    );
    suite.invalid(CHAIN, info, "dnssec-key-unknown", rrsig(".", TYPE_DNSKEY, by(0, 1)));
    let info = ("chain-zone-dnskey-by-parent", SIGNER, "The keys of a zone are signed by itself.");
    suite.invalid(CHAIN, info, "dnssec-signer", rrsig("example.com", TYPE_DNSKEY, by(1, 0)));
    let info = (
        "chain-txt-other-signer-name",
        SIGNER,
        "The signer's name is the zone's, independent of the key.",
    );
    suite.invalid(CHAIN, info, "dnssec-signer", txt(|rrsig| rrsig.signer = Some("com".to_owned())));
    let info = ("chain-txt-other-tag", SIGNER, "The key tag of a signature is that of a key.");
    suite.invalid(CHAIN, info, "dnssec-key-unknown", txt(|rrsig| rrsig.tag = Some(1)));
    let info =
        ("chain-txt-other-algorithm", SIGNER, "The algorithm of a signature is that of its key.");
    suite.invalid(CHAIN, info, "dnssec-key-unknown", txt(|rrsig| rrsig.algorithm = Some(8)));
}
