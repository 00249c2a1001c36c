//! What an access token says.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// What an access token says.
///
/// `is_admin` and `username` are hints for clients: what a user is and may do is in the store.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::access_token::Claims;
/// use kleidia_tower::{SessionId, Timestamp, UserId};
///
/// let now = Timestamp::constant(1_795_370_580, 0);
/// let lifetime = Duration::from_secs(1800);
/// let claims = Claims::new(
///     UserId::new(7), "alice".to_owned(), false, SessionId::new(11), now, lifetime,
/// )?;
/// assert_eq!((claims.sub.as_str(), claims.exp), ("7", 1_795_372_380));
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
    /// The time at which the token expires, in seconds since 1970 (RFC 7519, `NumericDate`).
    pub exp: i64,
    /// The time at which the token was signed, in seconds since 1970.
    pub iat: i64,
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

    /// The claims of a token that is signed now, and lasts `lifetime`, in whole
    /// seconds. Its `jti` has 128
    /// random bits.
    ///
    /// # Errors
    /// [`getrandom::Error`] if the operating system gives no random octets.
    pub fn new(
        user_id: UserId,
        username: String,
        is_admin: bool,
        session_id: SessionId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self {
            user_id,
            username,
            is_admin,
            session_id,
            exp: now.as_second().saturating_add_unsigned(lifetime.as_secs()),
            iat: now.as_second(),
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

    fn claims_for(user: i64, lifetime: u64) -> Claims {
        let (user, session) = (UserId::new(user), SessionId::new(11));
        let now = Timestamp::constant(100, 0);
        Claims::new(user, "alice".to_owned(), true, session, now, Duration::from_secs(lifetime))
            .unwrap()
    }

    #[test]
    fn each_token_has_its_own_name() {
        let claims = || claims_for(-7, 1800);
        let names: HashSet<_> = (0..100).map(|_| claims().jti).collect();
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|name| name.len() == 22));
        let Claims { exp, iat, iss, sub, .. } = claims();
        assert_eq!((exp, iat, iss.as_str(), sub.as_str()), (1900, 100, "kleidia", "-7"));
    }

    #[test]
    fn a_lifetime_has_no_bound() {
        let claims = claims_for(7, u64::MAX);
        assert_eq!(claims.exp, i64::MAX);
    }
}
