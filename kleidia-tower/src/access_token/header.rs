//! The header of access tokens.

use jsonwebtoken::{Algorithm, Header};

use super::InvalidTokenReason;

/// The media type of access tokens (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

/// Returns the header of the tokens that this key signs.
pub(super) fn new(key_id: &str) -> Header {
    Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(key_id.to_owned()),
        ..Header::new(Algorithm::HS256)
    }
}

/// Checks what `jsonwebtoken` does not: the type, the key ID, and that no key comes with the token.
/// No critical header parameter is supported (RFC 7515, 4.1.11).
pub(super) fn check(header: &Header, key_id: &str) -> Result<(), InvalidTokenReason> {
    if header.typ.as_deref() != Some(TYPE) {
        return Err(InvalidTokenReason::Type);
    }
    if header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some()
    {
        return Err(InvalidTokenReason::EmbeddedKey);
    }
    if header.crit.is_some() {
        return Err(InvalidTokenReason::CriticalParameter);
    }
    if header.kid.as_deref() != Some(key_id) {
        return Err(InvalidTokenReason::KeyId);
    }
    Ok(())
}
