//! Access tokens: which tokens are valid, and that every other one is rejected.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kleidia_tower::access_token::{
    AccessTokenError, Claims, InvalidTokenReason, KeyRing, SigningKey, issue, verify,
};
use kleidia_tower::{SessionId, Timestamp, UserId};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const NOW: i64 = 1_795_370_580;
const TTL: i64 = 1800;

/// Returns the claims of a token that was not issued by this crate.
fn claims() -> Claims {
    verify_at(&ring(&["a"]), &sign(HEADER, &claims_text()), NOW).unwrap()
}

fn secret(id: &str) -> Vec<u8> {
    id.repeat(32).into_bytes()
}

fn ring(ids: &[&str]) -> KeyRing {
    KeyRing::new(ids.iter().map(|id| SigningKey::new(*id, secret(id)).unwrap())).unwrap()
}

fn token(keys: &KeyRing) -> String {
    issue(keys, claims()).unwrap().token.expose_secret().to_owned()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn verify_at(keys: &KeyRing, token: &str, second: i64) -> Result<Claims, AccessTokenError> {
    verify(keys, token, at(second), Duration::ZERO)
}

/// Returns the reason for which a token of key `a` is rejected, during a rotation and after it.
fn rejection(token: &str) -> InvalidTokenReason {
    let reason = |keys: &KeyRing| match verify_at(keys, token, NOW) {
        Err(AccessTokenError::Invalid(reason)) => reason,
        other => panic!("{token}: {other:?}"),
    };
    let during = reason(&ring(&["b", "a"]));
    assert_eq!(reason(&ring(&["a"])), during, "{token}");
    during
}

fn encode(octets: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

/// Appends the signature of key `a`, computed by an independent implementation.
fn sign_message(algorithm: hmac::Algorithm, message: &str) -> String {
    let key = hmac::Key::new(algorithm, &secret("a"));
    format!("{message}.{}", encode(hmac::sign(&key, message.as_bytes())))
}

fn sign(header: &str, claims: &str) -> String {
    sign_message(hmac::HMAC_SHA256, &format!("{}.{}", encode(header), encode(claims)))
}

fn claims_text() -> String {
    claims_text_at(NOW, NOW + TTL)
}

/// Returns claims as `issue` writes them.
fn claims_text_at(iat: i64, exp: i64) -> String {
    let user = r#""user_id":7,"username":"alice","is_admin":false,"session_id":11"#;
    format!(r#"{{{user},"exp":{exp},"iat":{iat},"iss":"kleidia","sub":"7","jti":"x"}}"#)
}

#[test]
fn claims_of_a_new_token_are_those_of_the_verified_one() {
    let (user, session) = (UserId::new(7), SessionId::new(11));
    let ttl = Duration::from_secs(TTL.unsigned_abs());
    let new = Claims::new(user, "alice".to_owned(), false, session, at(NOW), ttl).unwrap();
    let issued = issue(&ring(&["a"]), new.clone()).unwrap();
    let verified = verify_at(&ring(&["a"]), issued.token.expose_secret(), NOW).unwrap();
    assert_eq!((&issued.claims, &verified), (&new, &new));
    for claims in [&verified, &claims()] {
        assert_eq!((claims.user_id(), claims.session_id()), (user, session));
        assert_eq!((claims.username(), claims.is_admin()), ("alice", false));
        assert_eq!((claims.issued_at(), claims.expires_at()), (at(NOW), at(NOW + TTL)));
    }
    assert_eq!((new.token_id().len(), claims().token_id()), (32, "x"));
}

const HEADER: &str = r#"{"typ":"at+jwt","alg":"HS256","kid":"a"}"#;
/// Equivalent headers; the first one is written as `issue` does.
const HEADERS: [&str; 4] = [
    HEADER,
    r#"{"kid":"a","alg":"HS256","typ":"at+jwt"}"#,
    r#" { "alg": "HS256", "typ": "at+jwt", "kid": "\u0061" } "#,
    r#"{"alg":"HS256","typ":"at+jwt","kid":"a","cty":null}"#,
];

#[test]
fn rotation_keeps_tokens_valid() {
    let old = token(&ring(&["a"]));
    assert_eq!(verify_at(&ring(&["b", "a"]), &old, NOW).unwrap(), claims());
    let new = token(&ring(&["b", "a"]));
    assert!(verify_at(&ring(&["a"]), &new, NOW).is_err());
    assert!(verify_at(&ring(&["b"]), &old, NOW).is_err());
    assert!(verify_at(&ring(&["b", "c"]), &old, NOW).is_err());
}

#[test]
fn rejects_expired_token() {
    let (keys, token) = (ring(&["a"]), token(&ring(&["a"])));
    let verify_with_leeway = |second, leeway| {
        let now = Timestamp::from_second(second).unwrap();
        verify(&keys, &token, now, Duration::from_secs(leeway))
    };
    for (age, leeway) in [(TTL - 1, 0), (TTL + 59, 60), (100_000_000_000, u64::MAX)] {
        assert_eq!(verify_with_leeway(NOW + age, leeway).unwrap(), claims());
    }
    for (age, leeway) in [(TTL, 0), (TTL + 60, 60), (100_000_000_000, 0)] {
        let expired = verify_with_leeway(NOW + age, leeway);
        assert!(
            matches!(expired, Err(AccessTokenError::Expired(at)) if at.as_second() == NOW + TTL)
        );
    }
}

/// The given time decides: the system's clock is not read.
#[test]
fn accepts_token_of_another_decade() {
    let keys = ring(&["a"]);
    for now in [1, 253_402_207_000] {
        let token = sign(HEADER, &claims_text_at(now, now + 1));
        let claims = verify_at(&keys, &token, now).unwrap();
        assert_eq!((claims.issued_at(), claims.expires_at()), (at(now), at(now + 1)));
    }
}

#[test]
fn accepts_equivalent_headers() {
    let keys = ring(&["b", "a"]);
    assert_eq!(sign(HEADERS[0], &claims_text()), token(&ring(&["a"])));
    for header in HEADERS {
        let token = sign(header, &claims_text());
        assert_eq!(verify_at(&keys, &token, NOW).unwrap(), claims(), "{header}");
        assert!(verify_at(&ring(&["b"]), &token, NOW).is_err(), "{header}");
        let expired = verify_at(&keys, &token, NOW + TTL);
        assert!(matches!(expired, Err(AccessTokenError::Expired(_))), "{header}");
    }
}

#[test]
fn interoperates_with_jsonwebtoken() {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.set_issuer(&[Claims::ISSUER]);
    let key = DecodingKey::from_secret(&secret("a")).unwrap();
    let token = token(&ring(&["a"]));
    let decoded = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
    let expected: Value = serde_json::from_str(&claims_text()).unwrap();
    assert_eq!(decoded.claims, expected);
    assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));

    let header = Header { kid: Some("a".to_owned()), ..decoded.header };
    let key = EncodingKey::from_secret(&secret("a")).unwrap();
    let token = jsonwebtoken::encode(&header, &expected, &key).unwrap();
    assert_eq!(verify_at(&ring(&["a"]), &token, NOW).unwrap(), claims());
}

#[test]
fn rejects_other_headers() {
    let header: Value = serde_json::from_str(HEADER).unwrap();
    for (member, value, reason) in [
        ("alg", json!("none"), InvalidTokenReason::Malformed),
        ("alg", json!("hs256"), InvalidTokenReason::Malformed),
        ("alg", Value::Null, InvalidTokenReason::Malformed),
        ("alg", json!("HS384"), InvalidTokenReason::Algorithm),
        ("alg", json!("RS256"), InvalidTokenReason::Algorithm),
        ("typ", json!("JWT"), InvalidTokenReason::Type),
        ("typ", json!("AT+JWT"), InvalidTokenReason::Type),
        ("typ", Value::Null, InvalidTokenReason::Type),
        ("kid", json!("c"), InvalidTokenReason::KeyId),
        ("kid", Value::Null, InvalidTokenReason::KeyId),
        ("kid", json!(1), InvalidTokenReason::Malformed),
        ("jku", json!("https://example.com"), InvalidTokenReason::EmbeddedKey),
        ("jwk", json!({"kty": "oct", "k": "YQ"}), InvalidTokenReason::EmbeddedKey),
        ("x5c", json!(["YQ=="]), InvalidTokenReason::EmbeddedKey),
        ("x5u", json!("https://example.com"), InvalidTokenReason::EmbeddedKey),
        ("crit", json!([]), InvalidTokenReason::Malformed),
        ("crit", json!(["exp"]), InvalidTokenReason::Malformed),
        ("crit", json!(["b64"]), InvalidTokenReason::Malformed),
        ("b64", json!(false), InvalidTokenReason::Malformed),
    ] {
        let mut header = header.clone();
        header[member] = value;
        let token = sign(&header.to_string(), &claims_text());
        assert_eq!(rejection(&token), reason, "{header}");
    }
    // `jsonwebtoken` supports this critical parameter.
    let header = HEADER.replacen('{', r#"{"b64":true,"crit":["b64"],"#, 1);
    let token = sign(&header, &claims_text());
    assert_eq!(rejection(&token), InvalidTokenReason::CriticalParameter);
    // The key that the header names is not the one that signed.
    let token = sign(&HEADER.replace(r#""a""#, r#""b""#), &claims_text());
    for keys in [ring(&["a"]), ring(&["b"]), ring(&["a", "b"])] {
        assert!(matches!(verify_at(&keys, &token, NOW), Err(AccessTokenError::Invalid(_))));
    }
}

#[test]
fn rejects_other_claims() {
    let claims: Value = serde_json::from_str(&claims_text()).unwrap();
    for (member, value, reason) in [
        ("iss", json!("other"), InvalidTokenReason::Issuer),
        ("iss", json!(["kleidia"]), InvalidTokenReason::Claims),
        ("sub", json!("8"), InvalidTokenReason::Subject),
        ("sub", json!("07"), InvalidTokenReason::Subject),
        ("exp", Value::Null, InvalidTokenReason::Claims),
        ("exp", json!("1"), InvalidTokenReason::Claims),
        ("exp", json!(1.5), InvalidTokenReason::Claims),
        ("exp", json!(-1), InvalidTokenReason::Claims),
        ("nbf", json!(NOW), InvalidTokenReason::Claims),
        ("aud", json!("other"), InvalidTokenReason::Claims),
        ("ext", json!(null), InvalidTokenReason::Claims),
        ("ext", json!("aud"), InvalidTokenReason::Claims),
        ("ext", json!(["aud"]), InvalidTokenReason::Claims),
        ("ext", json!({"claims": ["aud"]}), InvalidTokenReason::Claims),
    ] {
        let mut claims = claims.clone();
        claims[member] = value;
        let token = sign(HEADER, &claims.to_string());
        assert_eq!(rejection(&token), reason, "{claims}");
    }
    for member in claims.as_object().unwrap().keys() {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(member);
        let token = sign(HEADER, &claims.to_string());
        assert_eq!(rejection(&token), InvalidTokenReason::Claims, "{claims}");
    }
}

/// A later version adds claims that may be ignored.
#[test]
fn ignores_claims_in_ext() {
    let mut claims: Value = serde_json::from_str(&claims_text()).unwrap();
    for extensions in [json!({}), json!({"amr": ["pwd"], "aud": {"nested": 1}})] {
        claims["ext"] = extensions;
        let token = sign(HEADER, &claims.to_string());
        let verified = verify_at(&ring(&["a"]), &token, NOW).unwrap();
        assert_eq!(verified.username(), "alice");
    }
}

#[test]
fn reads_claims_of_the_service() {
    // A later version may have other bounds, and reserve other names.
    let mut claims: Value = serde_json::from_str(&claims_text()).unwrap();
    claims["ext"] = json!({"later": 1, "claims": {"iss": "other", "long": "x".repeat(2000)}});
    let verified = verify_at(&ring(&["a"]), &sign(HEADER, &claims.to_string()), NOW).unwrap();
    assert_eq!(json!(verified.extra()), claims["ext"]["claims"]);
}

#[test]
fn rejects_duplicate_members() {
    for member in [r#""alg":"HS256""#, r#""typ":"at+jwt""#, r#""kid":"a""#, r#""kid":"b""#] {
        let header = HEADER.replacen('{', &format!("{{{member},"), 1);
        let token = sign(&header, &claims_text());
        assert_eq!(rejection(&token), InvalidTokenReason::Malformed, "{header}");
    }
    let twice = r#""ext":{"claims":{},"claims":{}}"#;
    for member in [r#""user_id":7"#, r#""exp":1795372380"#, r#""iss":"kleidia""#, twice] {
        let claims = claims_text().replacen('{', &format!("{{{member},"), 1);
        let token = sign(HEADER, &claims);
        assert_eq!(rejection(&token), InvalidTokenReason::Claims, "{claims}");
    }
}

#[test]
fn rejects_wrong_signature() {
    let token = token(&ring(&["a"]));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let upper = signature.to_uppercase();
    for other in ["", "AAAA", &"A".repeat(43), &"A".repeat(44), &"A".repeat(86), &upper] {
        let token = format!("{message}.{other}");
        assert_eq!(rejection(&token), InvalidTokenReason::Signature, "{token}");
    }
    // A token that another algorithm signed with the same key.
    for algorithm in [hmac::HMAC_SHA384, hmac::HMAC_SHA512] {
        let token = sign_message(algorithm, message);
        assert_eq!(rejection(&token), InvalidTokenReason::Signature, "{token}");
    }
}

#[test]
fn rejects_other_serialisations() {
    let token = token(&ring(&["a"]));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let mut trailing_bits = signature.to_owned();
    let last = trailing_bits.pop().unwrap() as u8;
    trailing_bits.push(char::from(last + 1));
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        message.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{message}.{trailing_bits}"),
        sign_message(hmac::HMAC_SHA256, &format!("{header}=.{payload}")),
        sign_message(hmac::HMAC_SHA256, &format!("{header}.{payload}=")),
        sign_message(hmac::HMAC_SHA256, &format!("{header}.{payload} ")),
        sign_message(hmac::HMAC_SHA256, &format!("{header}.{payload}.{payload}")),
        sign(&format!("{HEADER} {HEADER}"), &claims_text()),
        sign("", &claims_text()),
        sign("[]", &claims_text()),
    ] {
        assert_eq!(rejection(&token), InvalidTokenReason::Malformed, "{token}");
    }
    for claims in ["", "[]", "null", "{}", &format!("{} {}", claims_text(), claims_text())] {
        let token = sign(HEADER, claims);
        assert_eq!(rejection(&token), InvalidTokenReason::Claims, "{claims}");
    }
}

#[test]
fn rejects_every_flipped_bit() {
    let keys = ring(&["b", "a"]);
    for token in HEADERS.map(|header| sign(header, &claims_text())) {
        assert!(verify_at(&keys, &token, NOW).is_ok());
        for (index, bit) in (0..token.len()).flat_map(|index| (0..7).map(move |bit| (index, bit))) {
            let mut flipped = token.clone().into_bytes();
            flipped[index] ^= 1 << bit;
            let flipped = String::from_utf8(flipped).unwrap();
            let verified = verify_at(&keys, &flipped, NOW);
            assert!(matches!(verified, Err(AccessTokenError::Invalid(_))), "{index}, {bit}");
        }
    }
}
