//! The credentials of a member of a mock organisation.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kliento::{MAX_BUNDLE_OCTETS, Period, SERVICE, Timestamp, Token};
use veraid::testing::{MockEnvironment, MockMember};

pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// The time of all verifications.
pub(crate) const INSTANT: &str = "2026-11-22T18:03:00Z";
/// The end of the valid bundles.
pub(crate) const VALID_UNTIL: &str = "2026-11-22T18:30:00Z";

/// The values of `Authorization`.
pub(crate) struct Bundles {
    pub(crate) trust_anchor: String,
    pub(crate) valid: String,
    pub(crate) expired: String,
    pub(crate) other_audience: String,
    pub(crate) forged: String,
    /// Of the maximum size, nearly all of which is claims.
    pub(crate) largest: String,
    /// Larger than that by 1,000 octets.
    pub(crate) too_large: String,
    /// Its claims do not fit the headers of an answer.
    pub(crate) large_claim_header: String,
}

impl Bundles {
    pub(crate) fn get() -> &'static Self {
        static BUNDLES: OnceLock<Bundles> = OnceLock::new();
        BUNDLES.get_or_init(Self::new)
    }

    fn new() -> Self {
        let environment = MockEnvironment::new(period("2026-11-22T20:00:00Z")).unwrap();
        let member = environment.organisation("example.org").unwrap().member("carol").unwrap();
        let valid = period(VALID_UNTIL);
        let token = || Token::new(AUDIENCE).with_claim("role", "deploy");
        let bundle = sign(&member, &token(), valid);
        let mut forged = bundle.clone();
        *forged.last_mut().unwrap() ^= 1;
        let sized = |octets| sign_with_size(&member, &token(), valid, octets);
        let large_role = Token::new(AUDIENCE).with_claim("role", "x".repeat(11_000));
        Self {
            trust_anchor: environment.trust_anchors().unwrap()[0].to_string(),
            valid: credentials(&bundle),
            expired: credentials(&sign(&member, &token(), period("2026-11-22T18:01:00Z"))),
            other_audience: credentials(&sign(&member, &Token::new("https://a.example"), valid)),
            forged: credentials(&forged),
            largest: credentials(&sized(MAX_BUNDLE_OCTETS)),
            too_large: credentials(&sized(MAX_BUNDLE_OCTETS + 1_000)),
            large_claim_header: credentials(&sign(&member, &large_role, valid)),
        }
    }
}

fn period(end: &str) -> Period {
    let start: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
    Period::new(start, end.parse().unwrap()).unwrap()
}

/// Signs without the size limit of bundles.
fn sign(member: &MockMember, token: &Token, period: Period) -> Vec<u8> {
    member.sign(token.to_json().as_bytes(), &SERVICE.parse().unwrap(), period).unwrap()
}

/// Signs a bundle of exactly this size, by a further claim.
fn sign_with_size(member: &MockMember, token: &Token, period: Period, octets: usize) -> Vec<u8> {
    let mut padding = 0;
    // A longer claim can lengthen DER's length fields, so the first guess may be slightly off.
    loop {
        let padded = token.clone().with_claim("padding", "x".repeat(padding));
        let bundle = sign(member, &padded, period);
        if bundle.len() == octets {
            return bundle;
        }
        padding = (padding + octets).checked_sub(bundle.len()).expect("larger than the proofs");
    }
}

fn credentials(bundle: &[u8]) -> String {
    format!("Kliento {}", STANDARD.encode(bundle))
}
