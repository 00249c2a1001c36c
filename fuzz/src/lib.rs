//! The properties that every untrusted input must satisfy. Each function is the body of a fuzz
//! target.
//!
//! The fuzzer has no private key, so an input must not verify with another result than the seeds.
#![forbid(unsafe_code)]

mod seed;

use kleidia_tower::account::{ImportedAccount, PasswordHash};
use kleidia_tower::password::{ImportedHash, ParameterSets};
use kliento::{Timestamp, Token, TokenBundle, TokenVerification, TrustAnchor};
use veraid::retrieval::{ChainRetrieval, Query};
use veraid::{
    Certificate, Dialect, DnssecChain, MemberIdBundle, Outcome, SignatureBundle, TxtRecord,
    Verification,
};

pub use seed::{Seed, contents, fields, values, with_field};

/// Token bundles: a valid bundle has the subject of a seed, and an inspection has the same outcome
/// as a verification.
pub fn bundle(octets: &[u8]) {
    let _ = MemberIdBundle::from_der(octets);
    inspect(octets);
    let Ok(bundle) = TokenBundle::from_bytes(octets.to_vec()) else { return };
    for seed in Seed::all() {
        let audiences = [seed.audience.as_str()];
        let verification = TokenVerification::new(&audiences, &seed.trust_anchors);
        if let Ok(token) = bundle.verify(&verification, seed.at) {
            let is_known = Seed::all().iter().any(|seed| seed.subject == token.subject_id());
            assert!(is_known, "forged signature of {}", token.subject_id());
        }
    }
}

fn inspect(octets: &[u8]) {
    let seed = &Seed::all()[0];
    let service = kliento::SERVICE.parse().expect("a constant");
    let verification = Verification::new(&service, &seed.trust_anchors);
    let outcome = verification.inspect(octets, seed.at).outcome;
    let expected = match SignatureBundle::from_der(octets) {
        Ok(bundle) => verification
            .verify_signature_at(&bundle, seed.at)
            .map_or_else(Outcome::Invalid, Outcome::Valid),
        Err(error) => Outcome::Malformed(error),
    };
    assert_eq!(outcome, expected);
}

/// Certificates, alone and as the organisation's of a bundle.
pub fn certificate(octets: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(octets) {
        let _ = (certificate.common_name(), certificate.subject_public_key_info());
        let mut field = octets.to_vec();
        // The bundle's IMPLICIT tag replaces the certificate's.
        field[0] = 0xa2;
        bundle(&with_field(2, &field));
    }
}

/// CMS signatures, within a bundle that is valid otherwise.
pub fn cms(octets: &[u8]) {
    bundle(&with_field(3, octets));
}

/// DNS messages, as part of a chain and as responses from the network.
pub fn dns_message(octets: &[u8]) {
    let owner = "_veraid.example.com";
    if let Ok(chain) = DnssecChain::from_messages([octets]) {
        let at: Timestamp = "2026-11-22T18:03:00Z".parse().expect("a constant");
        let _ = (chain.txt_owners(), chain.inspect(owner, at, &TrustAnchor::iana()));
        let verified = chain.verify_at(owner, at, &TrustAnchor::iana());
        assert!(verified.is_err(), "one message is not a chain");
    }
    let retrieval = ChainRetrieval::new(owner).expect("a constant");
    for query in retrieval.unanswered() {
        check_and_answer(retrieval.clone(), &query, octets);
    }
}

fn check_and_answer(mut retrieval: ChainRetrieval, query: &Query, octets: &[u8]) {
    // A response that `check` rejects is rejected by `answer`, too.
    let is_valid = query.check(octets).is_ok();
    assert!(is_valid || retrieval.answer(query, octets).is_err());
}

/// Values of the `Authorization` header: parsing and formatting are inverse.
pub fn header(octets: &[u8]) {
    if let Ok(bundle) = TokenBundle::from_authorization(octets) {
        let written = bundle.to_authorization();
        assert_eq!(TokenBundle::from_authorization(&written).as_ref(), Ok(&bundle));
    }
}

/// Tokens in JSON: parsing and formatting are inverse.
pub fn token(octets: &[u8]) {
    if let Ok(token) = Token::from_json(octets) {
        assert_eq!(Token::from_json(token.to_json().as_bytes()).as_ref(), Ok(&token));
    }
}

/// TXT records of organisations: parsing and formatting are inverse, in both forms.
pub fn txt_record(octets: &[u8]) {
    let text = std::str::from_utf8(octets);
    let Some(record) = text.ok().and_then(|text| text.parse::<TxtRecord>().ok()) else { return };
    for dialect in [Dialect::Deployed, Dialect::Spec] {
        assert_eq!(record.to_value(dialect).parse().as_ref(), Ok(&record));
    }
}

/// Lines of an import of accounts, and hashes of other systems: the stored form of a hash is parsed
/// to itself, is bounded, and has its parameters in front of its salt.
pub fn import(octets: &[u8]) {
    let _ = ImportedAccount::from_json(octets);
    let text = std::str::from_utf8(octets);
    let Some(hash) = text.ok().and_then(|text| text.parse::<ImportedHash>().ok()) else { return };
    let phc = hash.as_phc();
    assert!(phc.len() <= ImportedHash::MAX_OCTETS, "{}", phc.len());
    assert_eq!(phc.parse::<ImportedHash>().as_ref(), Ok(&hash));
    assert_eq!(PasswordHash::from(hash.clone()).parameters().matches('$').count(), 2 + argon2(phc));
    assert_eq!(ParameterSets::default().add(&hash), Ok(()));
}

/// Returns 1 for Argon2, whose parameters have a version in front.
fn argon2(phc: &str) -> usize {
    usize::from(phc.starts_with("$argon2id$"))
}
