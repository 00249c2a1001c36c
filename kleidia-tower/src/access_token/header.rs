//! The header of access tokens: it names the key, and nothing in it can choose more than that.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, decode_header};

use super::AccessTokenError;

/// The media type of access tokens (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

/// The header of the tokens that a key signs, as it is sent.
pub(super) fn encoded(key_id: &str) -> Result<String, serde_json::Error> {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key_id.to_owned());
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?))
}

/// Reads the name of the key from a token's header, in whatever way it is written.
///
/// The algorithm is pinned, and so is what a token is for. No key may come with the token, and
/// what must be understood is not (RFC 7515, 4.1.11).
pub(super) fn key_id(token: &str) -> Result<String, AccessTokenError> {
    let header = decode_header(token).map_err(|_| AccessTokenError::Invalid("no JWT"))?;
    let invalid = |reason| Err(AccessTokenError::Invalid(reason));
    if header.alg != Algorithm::HS256 {
        return invalid("the algorithm is another than HS256");
    }
    if header.typ.as_deref() != Some(TYPE) {
        return invalid("the type is another than at+jwt");
    }
    if header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some()
    {
        return invalid("a key comes with it");
    }
    if header.crit.is_some() {
        return invalid("a critical header");
    }
    header.kid.ok_or(AccessTokenError::Invalid("no key is named"))
}
