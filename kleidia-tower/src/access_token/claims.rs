//! What an access token says.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// The number of an account.
pub type UserId = i64;

/// The number of a session. It names the session and is no secret.
pub type SessionId = i64;

/// What an access token says.
///
/// `is_admin` and `username` are hints for clients: what a user is and may do is in the store.
///
/// ```
/// use kleidia_tower::access_token::Claims;
///
/// let now = 1_795_370_580;
/// let claims = Claims::new(7, "alice".to_owned(), false, 11, now, 1800)?;
/// assert_eq!((claims.sub.as_str(), claims.exp), ("7", now + 1800));
/// # Ok::<(), getrandom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// The claims of a token that is signed now, and lasts `lifetime` seconds. Its `jti` has 128
    /// random bits.
    ///
    /// # Errors
    /// [`getrandom::Error`] if the operating system gives no random octets.
    pub fn new(
        user_id: UserId,
        username: String,
        is_admin: bool,
        session_id: SessionId,
        now: UnixTime,
        lifetime: UnixTime,
    ) -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self {
            user_id,
            username,
            is_admin,
            session_id,
            exp: now.saturating_add(lifetime),
            iat: now,
            iss: Self::ISSUER.to_owned(),
            sub: user_id.to_string(),
            jti: BASE64_URL_SAFE_NO_PAD.encode(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_token_has_its_own_name() {
        let claims = || Claims::new(-7, "alice".to_owned(), true, 11, 100, 1800).unwrap();
        let names: HashSet<_> = (0..100).map(|_| claims().jti).collect();
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|name| name.len() == 22));
        let Claims { exp, iat, iss, sub, .. } = claims();
        assert_eq!((exp, iat, iss.as_str(), sub.as_str()), (1900, 100, "kleidia", "-7"));
    }

    #[test]
    fn a_lifetime_has_no_bound() {
        let claims = Claims::new(7, "alice".to_owned(), true, 11, 100, UnixTime::MAX).unwrap();
        assert_eq!(claims.exp, UnixTime::MAX);
    }
}
