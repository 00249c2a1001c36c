//! The cost of verifying an access token, compared with `jsonwebtoken` alone.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "prints figures or panics")]

#[path = "access_claims/mod.rs"]
mod access_claims;

use std::hint::black_box;
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Comparison, medians, rounds, time};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use kleidia_tower::access_token::{Claims, KeyRing, SigningKey, issue, verify};
use kleidia_tower::{Clock as _, SessionId, SystemClock, UserId};
use secrecy::ExposeSecret as _;

use crate::access_claims::AccessClaims;

const SECRET: &[u8] = b"a secret of thirty-two octets...";
/// Verifications per measurement, since a single one takes little longer than reading the clock.
const VERIFICATIONS: u32 = 16;

fn main() {
    let now = SystemClock.now().expect("a clock");
    let (user, session) = (UserId::new(1_000_007), SessionId::new(2_000_011));
    let claims = Claims::new(
        user,
        "alice.liddell".to_owned(),
        false,
        session,
        now,
        Duration::from_secs(1800),
    );
    let claims = claims.expect("random octets");
    let [newest, older] = ["2026-11", "2026-10"]
        .map(|id| SigningKey::new(id, SECRET.to_vec()).expect("a secret that is long enough"));
    let [signer, keys] = [vec![older.clone()], vec![newest, older]]
        .map(|keys| KeyRing::new(keys).expect("keys with different names"));
    let issued = |keys| issue(keys, claims.clone()).expect("a token").token;
    let (new, old) = (issued(&keys), issued(&signer));
    let key = DecodingKey::from_secret(SECRET).expect("a secret");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[Claims::ISSUER]);
    let verify_token = |token: &str| {
        assert!(verify(&keys, black_box(token), now, Duration::ZERO).is_ok());
    };
    let decode_token = || {
        let token = black_box(new.expose_secret());
        assert!(decode::<AccessClaims>(token, &key, &validation).is_ok());
    };
    let [newest, older, bare] = medians(
        rounds(10_000),
        &mut [
            &mut || time(|| (0..VERIFICATIONS).for_each(|_| verify_token(new.expose_secret()))),
            &mut || time(|| (0..VERIFICATIONS).for_each(|_| verify_token(old.expose_secret()))),
            &mut || time(|| (0..VERIFICATIONS).for_each(|_| decode_token())),
        ],
    )
    .map(|time| time / VERIFICATIONS);
    println!("{}", Comparison::head());
    for (name, time) in [("verify, the newest key", newest), ("verify, an older key", older)] {
        let baseline = ("jsonwebtoken::decode", bare);
        println!("{}", Comparison::from_times((name, time), baseline, Some(AtMost(1.6))));
    }
}
