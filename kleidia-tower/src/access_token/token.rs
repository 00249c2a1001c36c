//! Access tokens: JWTs (RFC 7519) with HS256 and the type `at+jwt` (RFC 9068).

use std::sync::LazyLock;
use std::time::Duration;

use jsonwebtoken::{Algorithm, TokenData, Validation, decode, decode_header, encode};
use secrecy::SecretString;

use super::claims::Payload;
use super::{
    AccessTokenError, Claims, InvalidTokenReason, KeyRing, SigningKey, TokenKey, crypto_provider,
    header,
};
use crate::{Timestamp, time};

/// An access token and its claims.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token, which is a credential.
    pub token: SecretString,
    /// The claims of the token.
    pub claims: Claims,
}

/// Time is not checked here, since `jsonwebtoken` would read the system's clock.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation.set_issuer(&[Claims::ISSUER]);
    validation.validate_exp = false;
    validation
});

/// Signs an access token with the first key of the ring.
///
/// # Errors
/// [`AccessTokenError::Provider`] if the cryptographic provider fails.
pub fn issue(keys: &KeyRing, claims: Claims) -> Result<IssuedToken, AccessTokenError> {
    crypto_provider::ensure();
    let key = keys.newest();
    let token = encode(&header::new(key.id()), &claims.0, key.encoding_key());
    let token = token.map_err(AccessTokenError::provider)?.into();
    Ok(IssuedToken { token, claims })
}

/// Verifies an access token: its signature, its claims, its header, and last its expiry.
///
/// A token is valid before its `exp` (RFC 7519, 4.1.4) plus `leeway`, which is 0 if issuer and
/// verifier share a clock. Its `iat` is not compared with `now`, since clocks of nodes differ. A
/// token with claims that [`Claims`] does not have, such as `nbf` and `aud`, is invalid, since they
/// could only restrict it further; members of its `ext` are ignored.
///
/// # Errors
/// [`AccessTokenError::Invalid`] or [`AccessTokenError::Expired`], and
/// [`AccessTokenError::Provider`] if the cryptographic provider fails.
pub fn verify(
    keys: &KeyRing,
    token: &str,
    now: Timestamp,
    leeway: Duration,
) -> Result<Claims, AccessTokenError> {
    verify_with_key(keys, token, now, leeway).map(|(claims, _)| claims)
}

/// As [`verify`], with the key that signed the token.
pub(crate) fn verify_with_key(
    keys: &KeyRing,
    token: &str,
    now: Timestamp,
    leeway: Duration,
) -> Result<(Claims, TokenKey), AccessTokenError> {
    crypto_provider::ensure();
    let key = find_key(keys, token)?;
    let TokenData { header, claims } = decode::<Payload>(token, key.decoding_key(), &VALIDATION)
        .map_err(|error| AccessTokenError::from_decoding(error, token))?;
    header::check(&header, key.id())?;
    let claims = Claims::try_from(claims)?;
    if now >= time::add(claims.expires_at(), leeway) {
        return Err(AccessTokenError::Expired(claims.expires_at()));
    }
    Ok((claims, TokenKey::new(keys, key)))
}

/// Returns the ID of the key that the token names, if these keys do not have it.
pub(crate) fn unknown_key_id(keys: &KeyRing, token: &str) -> Option<String> {
    decode_header(token).ok()?.kid.filter(|id| keys.find(id).is_none())
}

/// Returns the key that the token names, or the only one: its ID is compared after decoding, which
/// saves parsing the header twice.
fn find_key<'k>(keys: &'k KeyRing, token: &str) -> Result<&'k SigningKey, InvalidTokenReason> {
    if let Some(key) = keys.single() {
        return Ok(key);
    }
    let header = decode_header(token).map_err(|_| InvalidTokenReason::Malformed)?;
    header.kid.and_then(|id| keys.find(&id)).ok_or(InvalidTokenReason::KeyId)
}
