//! Access tokens as they are sent: JWTs with HS256 (RFC 7519; RFC 9068, the header's `typ`).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;

use super::key_ring::Key;
use super::{Claims, KeyRing, header};
use crate::Timestamp;

/// An access token, and what it says.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token: a credential.
    pub token: SecretString,
    /// What it says.
    pub claims: Claims,
}

/// Why an access token is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// It is no access token of ours: its form, header, signature or claims.
    #[error("not an access token of ours: {0}")]
    Invalid(&'static str),
    /// It was one.
    #[error("expired at {0}")]
    Expired(i64),
    /// It could not be written.
    #[error("can't sign: {0}")]
    Signing(#[source] serde_json::Error),
}

/// Signs an access token with the newest key.
///
/// # Errors
/// [`AccessTokenError::Signing`] if the claims can't be written, which those of [`Claims`] can.
pub fn issue(keys: &KeyRing, claims: Claims) -> Result<IssuedToken, AccessTokenError> {
    let key = keys.newest();
    let payload = serde_json::to_vec(&claims).map_err(AccessTokenError::Signing)?;
    let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
    // At its full length from the start, so that it does not leave copies of itself behind.
    let mut token = String::with_capacity(key.header.len() + payload.len() + 2 + SIGNATURE_LENGTH);
    token.extend([&key.header, ".", &payload]);
    let signature = hmac::sign(&key.secret, token.as_bytes());
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(IssuedToken { token: token.into(), claims })
}

/// Verifies an access token: its signature first, and then whether it has expired.
///
/// It is valid until before its `exp` (RFC 7519, 4.1.4), or `leeway` longer; 0 where
/// issuer and verifier are one system. Its `iat` is not compared with `now`, because the clocks of
/// nodes differ. Claims that [`Claims`] does not have, such as `nbf` and `aud`, could only restrict
/// a token, so a token with any is refused.
///
/// # Errors
/// [`AccessTokenError::Invalid`] or [`AccessTokenError::Expired`].
pub fn verify(
    keys: &KeyRing,
    token: &str,
    now: Timestamp,
    leeway: Duration,
) -> Result<Claims, AccessTokenError> {
    let no_jwt = AccessTokenError::Invalid("no JWT");
    let Some((message, signature)) = token.rsplit_once('.') else { return Err(no_jwt) };
    let Some((header, payload)) = message.split_once('.') else { return Err(no_jwt) };
    let key = key_of(keys, token, header)?;
    verify_signature(&key.secret, message, signature)?;
    let claims = read_claims(payload)?;
    if now.as_second() >= claims.exp.saturating_add_unsigned(leeway.as_secs()) {
        return Err(AccessTokenError::Expired(claims.exp));
    }
    Ok(claims)
}

/// Our own tokens begin as we write them, which needs no reading; others may write the same header
/// otherwise.
fn key_of<'k>(keys: &'k KeyRing, token: &str, header: &str) -> Result<&'k Key, AccessTokenError> {
    if let Some(key) = keys.find(|key| key.header == header) {
        return Ok(key);
    }
    let id = header::key_id(token)?;
    keys.find(|key| key.id == id).ok_or(AccessTokenError::Invalid("the key is unknown"))
}

/// In characters of Base64.
const SIGNATURE_LENGTH: usize = 43;

fn verify_signature(
    secret: &hmac::Key,
    message: &str,
    signature: &str,
) -> Result<(), AccessTokenError> {
    // The decoder wants room for what it rounds up.
    let mut octets = [0; SIGNATURE_LENGTH];
    let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(signature, &mut octets);
    let octets = decoded.ok().and_then(|length| octets.get(..length));
    octets
        .and_then(|octets| hmac::verify(secret, message.as_bytes(), octets).ok())
        .ok_or(AccessTokenError::Invalid("the signature does not match"))
}

fn read_claims(payload: &str) -> Result<Claims, AccessTokenError> {
    let others = AccessTokenError::Invalid("the claims are others");
    let Ok(payload) = BASE64_URL_SAFE_NO_PAD.decode(payload) else { return Err(others) };
    let Ok(claims) = serde_json::from_slice::<Claims>(&payload) else { return Err(others) };
    if claims.iss != Claims::ISSUER {
        return Err(AccessTokenError::Invalid("the issuer is another"));
    }
    if claims.sub != claims.user_id.to_string() {
        return Err(AccessTokenError::Invalid("the subject is another than the user"));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::access_token::SigningKey;
    use crate::{SessionId, UserId};

    const NOW: i64 = 1_795_370_580;

    fn claims() -> Claims {
        Claims {
            user_id: UserId::new(7),
            username: "alice".to_owned(),
            is_admin: false,
            session_id: SessionId::new(11),
            exp: NOW + 1800,
            iat: NOW,
            iss: "kleidia".to_owned(),
            sub: "7".to_owned(),
            jti: "x".to_owned(),
        }
    }

    fn verify_at(
        keys: &KeyRing,
        token: &str,
        second: i64,
        leeway: u64,
    ) -> Result<Claims, AccessTokenError> {
        let now = Timestamp::from_second(second).unwrap();
        verify(keys, token, now, Duration::from_secs(leeway))
    }

    fn key(id: &str) -> SigningKey {
        SigningKey::new(id, id.repeat(32).into_bytes()).unwrap()
    }

    fn ring(ids: &[&str]) -> KeyRing {
        KeyRing::new(ids.iter().map(|id| key(id))).unwrap()
    }

    fn token(keys: &KeyRing) -> String {
        issue(keys, claims()).unwrap().token.expose_secret().to_owned()
    }

    #[test]
    fn keys_rotate_without_breaking_tokens() {
        let old = token(&ring(&["a"]));
        assert_eq!(verify_at(&ring(&["b", "a"]), &old, NOW, 0).unwrap(), claims());
        let new = token(&ring(&["b", "a"]));
        assert!(verify_at(&ring(&["a"]), &new, NOW, 0).is_err());
        assert!(verify_at(&ring(&["b"]), &old, NOW, 0).is_err());
    }

    #[test]
    fn a_token_ends_at_its_second() {
        let (keys, token) = (ring(&["a"]), token(&ring(&["a"])));
        assert!(verify_at(&keys, &token, NOW + 1799, 0).is_ok());
        for (late, leeway) in [(1800, 0), (1860, 60), (100_000_000_000, 0)] {
            let refused = verify_at(&keys, &token, NOW + late, leeway);
            assert!(matches!(refused, Err(AccessTokenError::Expired(end)) if end == NOW + 1800));
        }
        assert!(verify_at(&keys, &token, NOW + 1859, 60).is_ok());
    }

    /// Signed with the right key, whatever it says.
    fn signed(header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, "a".repeat(32).as_bytes());
        let signature = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether the header is written as `issue` writes it or otherwise, so that both ways of
    /// reading it are taken.
    const HEADERS: [&str; 4] = [
        r#"{"typ":"at+jwt","alg":"HS256","kid":"a"}"#,
        r#"{"kid":"a","alg":"HS256","typ":"at+jwt"}"#,
        r#" { "alg": "HS256", "typ": "at+jwt", "kid": "\u0061" } "#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"a","cty":null}"#,
    ];

    #[test]
    fn the_form_of_the_header_does_not_matter() {
        let (keys, others) = (ring(&["b", "a"]), ring(&["b"]));
        let text = serde_json::to_string(&claims()).unwrap();
        assert_eq!(signed(HEADERS[0], &text), token(&ring(&["a"])));
        for header in HEADERS {
            let token = signed(header, &text);
            assert_eq!(verify_at(&keys, &token, NOW, 0).unwrap(), claims(), "{header}");
            let late = verify_at(&keys, &token, NOW + 1800, 0);
            assert!(matches!(late, Err(AccessTokenError::Expired(_))), "{header}");
            assert_eq!(refusal(&others, &token), "the key is unknown", "{header}");
            let (message, _) = token.rsplit_once('.').unwrap();
            for signature in ["", "AAAA", &"A".repeat(43), &"A".repeat(44), &"A".repeat(86)] {
                let token = format!("{message}.{signature}");
                assert_eq!(refusal(&keys, &token), "the signature does not match", "{header}");
            }
            let token = signed(header, "{}");
            assert_eq!(refusal(&keys, &token), "the claims are others", "{header}");
        }
    }

    fn refusal(keys: &KeyRing, token: &str) -> &'static str {
        match verify_at(keys, token, NOW, 0) {
            Err(AccessTokenError::Invalid(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn other_implementations_agree() {
        // Features of other crates can make the library choose no provider, and panic.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret("a".repeat(32).as_bytes());
        let token = token(&ring(&["a"]));
        let read = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims, claims());

        let key = EncodingKey::from_secret("a".repeat(32).as_bytes());
        let token = jsonwebtoken::encode(&read.header, &claims(), &key).unwrap();
        assert_eq!(verify_at(&ring(&["a"]), &token, NOW, 0).unwrap(), claims());
    }

    #[test]
    fn nothing_else_passes_as_an_access_token() {
        let keys = ring(&["a"]);
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "a"});
        let claims = serde_json::to_value(claims()).unwrap();
        let signed =
            |header: &Value, claims: &Value| signed(&header.to_string(), &claims.to_string());
        assert!(verify_at(&keys, &signed(&header, &claims), NOW, 0).is_ok());
        for (member, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS384")),
            ("alg", json!("RS256")),
            ("typ", json!("JWT")),
            ("typ", Value::Null),
            ("kid", json!("b")),
            ("kid", Value::Null),
            ("jku", json!("https://example.com")),
            ("jwk", json!({"kty": "oct", "k": "YQ"})),
            ("x5c", json!(["YQ=="])),
            ("x5u", json!("https://example.com")),
            ("crit", json!(["exp"])),
        ] {
            let mut header = header.clone();
            header[member] = value;
            let refused = verify_at(&keys, &signed(&header, &claims), NOW, 0);
            assert!(matches!(refused, Err(AccessTokenError::Invalid(_))), "{header}");
        }
        for (member, value) in [
            ("iss", json!("other")),
            ("sub", json!("8")),
            ("sub", json!("07")),
            ("exp", Value::Null),
            ("exp", json!("1")),
            ("nbf", json!(NOW)),
            ("aud", json!("other")),
        ] {
            let mut claims = claims.clone();
            claims[member] = value;
            let refused = verify_at(&keys, &signed(&header, &claims), NOW, 0);
            assert!(matches!(refused, Err(AccessTokenError::Invalid(_))), "{claims}");
        }
    }

    #[test]
    fn no_bit_can_change() {
        let keys = ring(&["b", "a"]);
        let text = serde_json::to_string(&claims()).unwrap();
        for good in HEADERS.map(|header| signed(header, &text)) {
            assert!(verify_at(&keys, &good, NOW, 0).is_ok());
            for (index, bit) in
                (0..good.len()).flat_map(|index| (0..7).map(move |bit| (index, bit)))
            {
                let mut bad = good.clone().into_bytes();
                bad[index] ^= 1 << bit;
                let bad = String::from_utf8(bad).unwrap();
                let refused = verify_at(&keys, &bad, NOW, 0);
                assert!(matches!(refused, Err(AccessTokenError::Invalid(_))), "{index}, {bit}");
            }
        }
    }

    #[test]
    fn a_signed_algorithm_is_pinned() {
        let header = r#"{"typ":"at+jwt","alg":"HS384","kid":"a"}"#;
        let message = BASE64_URL_SAFE_NO_PAD.encode(header);
        let message = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode("{}"));
        let key = hmac::Key::new(hmac::HMAC_SHA384, "a".repeat(32).as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        let token = format!("{message}.{signature}");
        assert_eq!(refusal(&ring(&["a"]), &token), "the algorithm is another than HS256");
    }
}
