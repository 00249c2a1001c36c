//! Access tokens as they are sent: JWTs with HS256 (RFC 7519; RFC 9068, the header's `typ`).

use std::sync::Once;

use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use secrecy::SecretString;

use super::{Claims, KeyRing};
use crate::UnixTime;

/// The media type of access tokens (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

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
    Expired(UnixTime),
    /// It could not be signed.
    #[error("can't sign: {0}")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// Signs an access token with the newest key.
///
/// # Errors
/// [`AccessTokenError::Signing`].
pub fn issue(keys: &KeyRing, claims: Claims) -> Result<IssuedToken, AccessTokenError> {
    use_aws_lc();
    let missing = || AccessTokenError::Signing(ErrorKind::InvalidKeyFormat.into());
    let key = keys.signing().ok_or_else(missing)?;
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.id.clone());
    let token = encode(&header, &claims, &key.signing).map_err(AccessTokenError::Signing)?;
    Ok(IssuedToken { token: token.into(), claims })
}

/// Verifies an access token: its signature first, and then whether it has expired.
///
/// `leeway` is how many seconds past its end a token is still taken; 0 where issuer and verifier
/// are one system.
///
/// # Errors
/// [`AccessTokenError::Invalid`] or [`AccessTokenError::Expired`].
pub fn verify(
    keys: &KeyRing,
    token: &str,
    now: UnixTime,
    leeway: UnixTime,
) -> Result<Claims, AccessTokenError> {
    use_aws_lc();
    let invalid = AccessTokenError::Invalid;
    let header = decode_header(token).map_err(|_| invalid("no JWT"))?;
    check_header(&header)?;
    let id = header.kid.as_deref().ok_or(invalid("no key is named"))?;
    let key = keys.verifying(id).ok_or(invalid("the key is unknown"))?;
    let decoded = decode::<Claims>(token, &key.verifying, &validation());
    let claims = decoded.map_err(|error| invalid(reason(error.kind())))?.claims;
    if claims.iss != Claims::ISSUER {
        return Err(invalid("the issuer is another"));
    }
    if claims.sub != claims.user_id.to_string() {
        return Err(invalid("the subject is another than the user"));
    }
    if now >= claims.exp.saturating_add(leeway) {
        return Err(AccessTokenError::Expired(claims.exp));
    }
    Ok(claims)
}

/// The algorithm is pinned, and so is what a token is for. No key may come with the token, and
/// what must be understood is not (RFC 7515, 4.1.11).
fn check_header(header: &Header) -> Result<(), AccessTokenError> {
    let invalid = |reason| Err(AccessTokenError::Invalid(reason));
    if header.alg != Algorithm::HS256 {
        return invalid("the algorithm is another than HS256");
    }
    if header.typ.as_deref() != Some(TYPE) {
        return invalid("the type is another than at+jwt");
    }
    let has_key = header.jwk.is_some()
        || header.jku.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some();
    if has_key {
        return invalid("a key comes with it");
    }
    if header.crit.is_some() {
        return invalid("a critical header");
    }
    Ok(())
}

/// The clock is ours, so the library's must not be asked.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.leeway = 0;
    validation.required_spec_claims.clear();
    validation
}

const fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "the signature does not match",
        ErrorKind::Json(_) => "the claims are others",
        _ => "no JWT of that kind",
    }
}

/// Features of other crates can make the library choose no provider, and panic.
fn use_aws_lc() {
    static ONCE: Once = Once::new();
    // Whoever installed another one wants that.
    ONCE.call_once(|| {
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
    });
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::access_token::SigningKey;

    const NOW: UnixTime = 1_795_370_580;

    fn claims() -> Claims {
        Claims {
            user_id: 7,
            username: "alice".to_owned(),
            is_admin: false,
            session_id: 11,
            exp: NOW + 1800,
            iat: NOW,
            iss: "kleidia".to_owned(),
            sub: "7".to_owned(),
            jti: "x".to_owned(),
        }
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
        assert_eq!(verify(&ring(&["b", "a"]), &old, NOW, 0).unwrap(), claims());
        let new = token(&ring(&["b", "a"]));
        assert!(verify(&ring(&["a"]), &new, NOW, 0).is_err());
        assert!(verify(&ring(&["b"]), &old, NOW, 0).is_err());
    }

    #[test]
    fn a_token_ends_at_its_second() {
        let (keys, token) = (ring(&["a"]), token(&ring(&["a"])));
        assert!(verify(&keys, &token, NOW + 1799, 0).is_ok());
        for (late, leeway) in [(1800, 0), (1860, 60), (UnixTime::MAX - NOW, 0)] {
            let refused = verify(&keys, &token, NOW + late, leeway);
            assert!(matches!(refused, Err(AccessTokenError::Expired(end)) if end == NOW + 1800));
        }
        assert!(verify(&keys, &token, NOW + 1859, 60).is_ok());
    }

    /// Signed with the right key, but for one thing.
    fn signed(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64_url(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret("a".repeat(32).as_bytes());
        use_aws_lc();
        let algorithm = match header["alg"].as_str() {
            Some("HS384") => Algorithm::HS384,
            _ => Algorithm::HS256,
        };
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    fn base64_url(octets: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digits = |chunk: &[u8]| {
            let group = chunk.iter().fold(0_u32, |group, octet| group << 8 | u32::from(*octet));
            let group = group << (8 * (3 - chunk.len()));
            let digit = |i| char::from(ALPHABET[(group >> (18 - 6 * i) & 63) as usize]);
            (0..=chunk.len()).map(digit).collect::<String>()
        };
        octets.chunks(3).map(digits).collect()
    }

    #[test]
    fn nothing_else_passes_as_an_access_token() {
        let keys = ring(&["a"]);
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "a"});
        let claims = serde_json::to_value(claims()).unwrap();
        assert!(verify(&keys, &signed(&header, &claims), NOW, 0).is_ok());
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
            let refused = verify(&keys, &signed(&header, &claims), NOW, 0);
            assert!(matches!(refused, Err(AccessTokenError::Invalid(_))), "{header}");
        }
        for (member, value) in [
            ("iss", json!("other")),
            ("sub", json!("8")),
            ("exp", Value::Null),
            ("exp", json!("1")),
        ] {
            let mut claims = claims.clone();
            claims[member] = value;
            let refused = verify(&keys, &signed(&header, &claims), NOW, 0);
            assert!(matches!(refused, Err(AccessTokenError::Invalid(_))), "{claims}");
        }
        let good = signed(&header, &claims);
        for index in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[index] ^= 1;
            let bad = String::from_utf8(bad).unwrap();
            assert!(verify(&keys, &bad, NOW, 0).is_err(), "{index}");
        }
    }
}
