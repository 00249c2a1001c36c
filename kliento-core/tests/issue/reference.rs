//! Issues bundles for the JavaScript reference to verify: `cargo xtask interop`.

use std::path::{Path, PathBuf};

use kliento_core::issue::{Hash, KeyAlgorithm, MemberIdBundle, RsaSigner, TokenRequest};
use kliento_core::{SignerKind, TokenBundle, TrustAnchor};
use serde_json::{Value, json};
use veraid::testing::MockMember;

use super::{AT, AUDIENCE, minutes, organisation, sign_for, token, verify};

/// The output folder of `cargo xtask interop`, for `interop/verify.mjs`.
const DIRECTORY: &str = "KLIENTO_ISSUED_DIRECTORY";

/// Every key size with every hash.
const KEYS: [(&str, KeyAlgorithm); 3] = [
    ("rsa2048", KeyAlgorithm::Rsa2048),
    ("rsa3072", KeyAlgorithm::Rsa3072),
    ("rsa4096", KeyAlgorithm::Rsa4096),
];
const HASHES: [(&str, Hash); 3] =
    [("sha256", Hash::Sha256), ("sha384", Hash::Sha384), ("sha512", Hash::Sha512)];

/// Names of each string type in certificates, and the bot.
const MEMBERS: [(&str, &str); 4] =
    [("user", "alice"), ("space", "Alice Smith"), ("astral", "🦀crab"), ("bot", "@")];

#[test]
fn issues_valid_bundles_for_reference() {
    let given = std::env::var_os(DIRECTORY).map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let directory = given.as_deref().unwrap_or(temporary.path());
    let mut index = Vec::new();
    for (size, algorithm) in KEYS {
        let [key, member_key] = [(); 2].map(|()| RsaSigner::generate(algorithm).unwrap());
        for (digest, hash) in HASHES {
            let (organisation, anchors) = organisation(key.clone().with_hash(hash));
            for (kind, name) in MEMBERS {
                let member_key = member_key.clone().with_hash(hash);
                let member = name.parse().unwrap();
                let member = MockMember::new(organisation.clone(), member, member_key, minutes(5));
                let name = format!("{size}-{digest}-{kind}");
                index.extend(write(directory, &name, &member.unwrap(), &anchors));
            }
        }
    }
    assert_eq!(index.len(), 3 * 3 * 4 * 3);
    let index = serde_json::to_string_pretty(&index).unwrap();
    std::fs::write(directory.join("index.json"), index).unwrap();
}

/// Writes both kinds of token bundle and a member id bundle, and returns their lines of the index.
fn write(directory: &Path, name: &str, member: &MockMember, anchors: &[TrustAnchor]) -> [Value; 3] {
    let token = token();
    let request = TokenRequest::new(&token, minutes(5));
    let id = member.id_bundle().unwrap();
    let by_member = MemberIdBundle::from_der(&id).unwrap();
    let by_member = request.sign_by_member(&by_member, member.key()).unwrap();
    let organisation = member.organisation();
    let member = member.member();
    let for_member = sign_for(organisation, &request, member).unwrap();

    let line = |what: &str, octets: &[u8]| {
        let name = format!("{what}-{name}");
        std::fs::write(directory.join(format!("{name}.bin")), octets).unwrap();
        json!({
            "name": name,
            "reason": "issued by this implementation",
            "at": AT,
            "trust_anchors": anchors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "subject": member.subject_id(organisation.name()),
            "expect": "valid",
        })
    };
    let token_line = |kind: SignerKind, bundle: &TokenBundle| {
        let verified = verify(bundle, anchors).unwrap();
        assert_eq!((verified.member(), verified.signer()), (member, kind));
        let mut line = line(&kind.to_string(), bundle.as_bytes());
        line["audience"] = json!(AUDIENCE);
        line["claims"] = json!(token.claims());
        line["signer"] = json!(kind.to_string());
        line
    };
    let mut id_line = line("member-id", &id);
    id_line["kind"] = json!("member-id-bundle");
    id_line["claims"] = Value::Null;
    id_line["signer"] = Value::Null;
    let tokens = [(SignerKind::Member, &by_member), (SignerKind::Organisation, &for_member)];
    let [by_member, for_member] = tokens.map(|(kind, bundle)| token_line(kind, bundle));
    [by_member, for_member, id_line]
}
