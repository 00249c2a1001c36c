//! What an access token says.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// The number of an account.
pub type UserId = i64;

/// The number of a session. It names the session and is no secret.
pub type SessionId = i64;

/// What an access token says.
///
/// `is_admin` and `username` are hints for clients: what a user is and may do is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose token it is.
    pub user_id: UserId,
    /// The user's name when the token was signed.
    pub username: String,
    /// Whether the user was an admin then.
    pub is_admin: bool,
    /// The session with which the token ends.
    pub session_id: SessionId,
    /// The first second at which it is no longer valid.
    pub exp: UnixTime,
    /// When it was signed.
    pub iat: UnixTime,
    /// `kleidia`.
    pub iss: String,
    /// The user's id, as text.
    pub sub: String,
    /// A name that no other token has.
    pub jti: String,
}

impl Claims {
    /// Who signs access tokens.
    pub const ISSUER: &str = "kleidia";
}
