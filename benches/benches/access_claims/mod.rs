//! The claims of an access token, for measurements of `jsonwebtoken` alone.

use serde::Deserialize;

/// The claims of an access token of `kleidia-tower`, which decodes them only to verify them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoding each member is a part of the measured work")]
pub(crate) struct AccessClaims {
    user_id: i64,
    username: String,
    is_admin: bool,
    pub(crate) session_id: i64,
    exp: i64,
    iat: i64,
    iss: String,
    sub: String,
    jti: String,
}
