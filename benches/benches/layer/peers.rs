//! Requests with a cached bundle, compared with the verification of other kinds of token.

mod biscuit;
mod jwt;

use std::time::{Duration, SystemTime};

use benches::Target::AtMost;
use benches::{Comparison, medians, rounds, time};
use jsonwebtoken::Algorithm;

use crate::hit::Cached;

/// The contents of each token; the peers' tokens are valid for as long as the bundle.
const SUBJECT: &str = "alice@example.com";
const AUDIENCE: &str = "https://api.example.com";
const PERMISSION: &str = "read-only";
const VALIDITY: Duration = Duration::from_secs(3600);

pub(crate) fn all() -> Vec<Comparison> {
    let mut cached = Cached::new("member-user");
    let rsa = jwt::Token::new(Algorithm::RS256);
    let ecdsa = jwt::Token::new(Algorithm::ES256);
    let biscuit = biscuit::Token::new();
    let [hit, rsa, ecdsa, biscuit] = medians(
        rounds(10_000),
        &mut [
            &mut || cached.time_hit(),
            &mut || time(|| assert_eq!(rsa.verify().subject(), SUBJECT)),
            &mut || time(|| assert_eq!(ecdsa.verify().subject(), SUBJECT)),
            &mut || time(|| assert_eq!(biscuit.authorize(), SUBJECT)),
        ],
    );
    let baselines = [
        ("jsonwebtoken, RS256", rsa, Some(AtMost(1.0))),
        ("jsonwebtoken, ES256", ecdsa, Some(AtMost(1.0))),
        ("biscuit-auth, Ed25519", biscuit, None),
    ];
    baselines
        .map(|(name, time, target)| Comparison::from_times(("hit", hit), (name, time), target))
        .into()
}

fn expiry() -> SystemTime {
    SystemTime::now() + VALIDITY
}
