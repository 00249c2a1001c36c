//! Issued token bundles, verified by this implementation and by the JavaScript reference.
#![cfg(feature = "issue")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod reference;

use std::time::Duration;

use kliento_core::issue::{
    Hash, IssueError, KeyAlgorithm, MemberIdBundle, OrganisationCertificate, RsaSigner,
    Signer as _, SigningError, TokenIssueError, TokenRequest,
};
use kliento_core::{
    Error, Invalid, MAX_BUNDLE_OCTETS, Member, Period, SignerKind, Timestamp, Token, TokenBundle,
    TokenVerification, VerifiedToken,
};
use veraid::testing::{MockEnvironment, MockOrganisation};
use veraid::{SignatureError, TrustAnchor, VerificationError};

pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const AT: &str = "2026-11-22T18:03:00Z";

pub(crate) fn at() -> Timestamp {
    AT.parse().unwrap()
}

/// A period of this length that starts a minute before the instant of verification.
pub(crate) fn minutes(count: u64) -> Period {
    let start = at() - Duration::from_secs(60);
    Period::new(start, start + Duration::from_secs(60 * count)).unwrap()
}

fn year() -> Period {
    Period::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-12-31T00:00:00Z".parse().unwrap())
        .unwrap()
}

pub(crate) fn token() -> Token {
    Token::new(AUDIENCE).with_claim("permission", "read-only")
}

pub(crate) fn organisation(key: RsaSigner) -> (MockOrganisation, Vec<TrustAnchor>) {
    let environment = MockEnvironment::new(year()).unwrap();
    (
        environment.organisation_with_key("example.com", key).unwrap(),
        environment.trust_anchors().unwrap(),
    )
}

fn small_organisation() -> (MockOrganisation, Vec<TrustAnchor>) {
    organisation(RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap())
}

fn verify(bundle: &TokenBundle, anchors: &[TrustAnchor]) -> Result<VerifiedToken, Error> {
    bundle.verify(&TokenVerification::new(&[AUDIENCE], anchors), at())
}

pub(crate) fn sign_for(
    organisation: &MockOrganisation,
    request: &TokenRequest<'_>,
    member: &Member,
) -> Result<TokenBundle, TokenIssueError> {
    let (certificate, chain) = (organisation.certificate(), organisation.chain());
    request.sign_by_organisation(certificate, chain, member, organisation.key())
}

#[test]
fn verifies_token_signed_by_member() {
    let (organisation, anchors) = small_organisation();
    let alice = organisation.member("alice").unwrap();
    let id = alice.id_bundle().unwrap();
    let id = MemberIdBundle::from_der(&id).unwrap();
    let token = token();
    let request = TokenRequest::new(&token, minutes(5));
    let bundle = request.sign_by_member(&id, alice.key()).unwrap();
    let bundle = TokenBundle::from_authorization(bundle.to_authorization()).unwrap();
    let verified = verify(&bundle, &anchors).unwrap();
    assert_eq!(verified.subject_id(), "alice@example.com");
    assert_eq!((verified.signer(), verified.claims()), (SignerKind::Member, token.claims()));
    assert_eq!(verified.period(), minutes(5));
}

#[test]
fn verifies_token_signed_by_organisation() {
    let (organisation, anchors) = small_organisation();
    let token = token();
    let request = TokenRequest::new(&token, minutes(60));
    let bundle = sign_for(&organisation, &request, &Member::Bot).unwrap();
    let verified = verify(&bundle, &anchors).unwrap();
    assert_eq!(verified.subject_id(), "example.com");
    assert_eq!(verified.signer(), SignerKind::Organisation);
}

#[test]
fn accepts_external_signature() {
    let (organisation, anchors) = small_organisation();
    let token = token();
    let (certificate, chain) = (organisation.certificate(), organisation.chain());
    let unsigned = TokenRequest::new(&token, minutes(5))
        .by_organisation(certificate, chain, &Member::Bot, Hash::Sha512)
        .unwrap();
    let key = organisation.key().clone().with_hash(unsigned.hash());
    assert_eq!(unsigned.subject_public_key_info(), key.subject_public_key_info());
    let signature = key.sign(unsigned.to_be_signed()).unwrap();
    let bundle = unsigned.clone().with_signature(&signature).unwrap();
    verify(&bundle, &anchors).unwrap();
    let rejected = unsigned.with_signature(&[0; 256]).unwrap_err();
    assert!(matches!(rejected, SigningError::Mismatch));
}

#[test]
fn limits_validity_to_one_hour_by_default() {
    let (organisation, anchors) = small_organisation();
    let token = token();
    let request = TokenRequest::new(&token, minutes(61));
    let rejected = sign_for(&organisation, &request, &Member::Bot).unwrap_err();
    let (hour, found) = (Duration::from_secs(3600), Duration::from_secs(3660));
    assert!(
        matches!(rejected, TokenIssueError::Validity { maximum, found: f } if (maximum, f) == (hour, found))
    );
    let request = request.with_max_validity(found);
    let bundle = sign_for(&organisation, &request, &Member::Bot).unwrap();
    let rejected = verify(&bundle, &anchors).unwrap_err();
    let Error::Invalid(Invalid::Signature(VerificationError::Signature(rejected))) = rejected
    else {
        panic!("{rejected}")
    };
    assert_eq!(
        rejected,
        SignatureError::PeriodTooLong {
            maximum: Duration::from_secs(3600),
            found: Duration::from_secs(3660),
        }
    );
}

#[test]
fn backdates_tokens_that_are_issued_now() {
    let (organisation, anchors) = small_organisation();
    let token = token();
    let second = Duration::from_secs;
    let now = at() + Duration::from_millis(999);
    for (lifetime, backdating, start, end) in [
        (second(300), None, at() - second(30), at() + second(300)),
        (second(3600), None, at() - second(30), at() + second(3570)),
        (second(300), Some(second(0)), at(), at() + second(300)),
        (second(3600), Some(second(3599)), at() - second(3599), at() + second(1)),
    ] {
        let request = TokenRequest::issued_at(&token, now, lifetime);
        let request = backdating.map_or(request, |backdating| request.with_backdating(backdating));
        let bundle = sign_for(&organisation, &request, &Member::Bot).unwrap();
        let verified = verify(&bundle, &anchors).unwrap();
        assert_eq!(verified.period(), Period::new(start, end).unwrap());
        assert_eq!(verified.period(), request.period());
    }
    for request in [
        TokenRequest::issued_at(&token, now, second(3601)),
        TokenRequest::issued_at(&token, now, second(300)).with_backdating(second(3600)),
    ] {
        let rejected = sign_for(&organisation, &request, &Member::Bot).unwrap_err();
        assert!(matches!(rejected, TokenIssueError::Validity { .. }), "{rejected}");
    }
}

#[test]
fn backdates_at_most_to_start_of_certificates() {
    let (organisation, anchors) = small_organisation();
    let period = Period::new(at() - Duration::from_secs(10), year().end()).unwrap();
    let (name, key) = (organisation.certificate().name(), organisation.key());
    let spki = key.subject_public_key_info();
    let certificate = OrganisationCertificate::prepare(name, spki, key.hash(), period);
    let certificate = certificate.unwrap().sign(key).unwrap();
    let token = token();
    let request = TokenRequest::issued_at(&token, at(), Duration::from_secs(300));
    let bundle =
        request.sign_by_organisation(&certificate, organisation.chain(), &Member::Bot, key);
    let verified = verify(&bundle.unwrap(), &anchors).unwrap();
    assert_eq!(verified.period().start(), period.start());
    assert_eq!(verified.period().end(), request.period().end());
}

#[test]
fn accepts_token_that_starts_later_by_at_most_the_clock_skew() {
    let (organisation, anchors) = small_organisation();
    let token = token();
    let start = at() + Duration::from_secs(5);
    let request = TokenRequest::new(&token, Period::at(start));
    let bundle = sign_for(&organisation, &request, &Member::Bot).unwrap();
    let verification = TokenVerification::new(&[AUDIENCE], &anchors);
    let verify = |skew| {
        let skew = Duration::from_secs(skew);
        bundle.verify(&verification.with_clock_skew(skew).unwrap(), at())
    };
    assert_eq!(verify(5).unwrap().period(), Period::new(at(), start).unwrap());
    assert!(verify(4).is_err() && bundle.verify(&verification, at()).is_err());
    let rejected = verification.with_clock_skew(Duration::from_millis(300_001)).err();
    assert_eq!(rejected.unwrap().to_string(), "more than 300 seconds of clock skew");
}

#[test]
fn issues_bundles_up_to_maximum_size() {
    let (organisation, anchors) = small_organisation();
    let bundle_of = |filler: usize| {
        let token = Token::new(AUDIENCE).with_claim("filler", "x".repeat(filler));
        sign_for(&organisation, &TokenRequest::new(&token, minutes(5)), &Member::Bot)
    };
    // Above 256 octets, an octet more in a claim makes the bundle an octet larger.
    let filler = 1000 + MAX_BUNDLE_OCTETS - bundle_of(1000).unwrap().as_bytes().len();
    let largest = bundle_of(filler).unwrap();
    assert_eq!(largest.as_bytes().len(), MAX_BUNDLE_OCTETS);
    verify(&largest, &anchors).unwrap();
    let rejected = bundle_of(filler + 1).unwrap_err();
    assert!(matches!(rejected, TokenIssueError::Size { maximum: 16_384, found: 16_385 }));
}

#[test]
fn rejects_start_before_certificate() {
    let (organisation, _) = small_organisation();
    let token = token();
    let start = year().end() + Duration::from_millis(1);
    let request = TokenRequest::new(&token, Period::at(start));
    let rejected = sign_for(&organisation, &request, &Member::Bot).unwrap_err();
    assert!(matches!(rejected, TokenIssueError::Issue(IssueError::OrganisationCertificate(_))));
}
