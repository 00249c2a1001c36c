//! The claims of access tokens.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// The claims of an access token.
///
/// `is_admin` and `username` are hints for clients: the service consults the account in the store.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::access_token::Claims;
/// use kleidia_tower::{SessionId, Timestamp, UserId};
///
/// let (user, session) = (UserId::new(7), SessionId::new(11));
/// let now: Timestamp = "2026-11-22T18:03:00Z".parse()?;
/// let ttl = Duration::from_secs(1800);
/// let claims = Claims::new(user, "alice".to_owned(), false, session, now, ttl)?;
/// assert_eq!(claims.sub, "7");
/// assert_eq!(claims.expires_at().to_string(), "2026-11-22T18:33:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The user.
    pub user_id: UserId,
    /// The user's name when the token was issued.
    pub username: String,
    /// Whether the user was an admin when the token was issued.
    pub is_admin: bool,
    /// The session, whose end invalidates the token.
    pub session_id: SessionId,
    /// The time at which the token expires, in seconds since 1970 (RFC 7519, `NumericDate`).
    pub exp: i64,
    /// The time at which the token was issued, in seconds since 1970.
    pub iat: i64,
    /// The issuer, [`Self::ISSUER`].
    pub iss: String,
    /// The subject: `user_id` as text.
    pub sub: String,
    /// A unique identifier of the token.
    pub jti: String,
}

impl Claims {
    /// The issuer of all access tokens.
    pub const ISSUER: &str = "kleidia";

    /// Creates the claims of a token that is issued at `now` and expires after `ttl`, both in whole
    /// seconds. Its `jti` has 128 random bits.
    ///
    /// # Errors
    /// [`io::Error`] if the operating system provides no random octets.
    pub fn new(
        user_id: UserId,
        username: String,
        is_admin: bool,
        session_id: SessionId,
        now: Timestamp,
        ttl: Duration,
    ) -> io::Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self {
            user_id,
            username,
            is_admin,
            session_id,
            exp: now.as_second().saturating_add_unsigned(ttl.as_secs()),
            iat: now.as_second(),
            iss: Self::ISSUER.to_owned(),
            sub: user_id.to_string(),
            jti: format!("{:032x}", u128::from_be_bytes(id)),
        })
    }

    /// Returns the time at which the token expires (exclusive), or the nearest timestamp if `exp` is
    /// out of range.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let nearest = if self.exp < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_second(self.exp).unwrap_or(nearest)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn claims(ttl: u64) -> Claims {
        let (user, session) = (UserId::new(-7), SessionId::new(11));
        let (now, ttl) = (Timestamp::constant(100, 0), Duration::from_secs(ttl));
        Claims::new(user, "alice".to_owned(), true, session, now, ttl).unwrap()
    }

    #[test]
    fn identifiers_are_unique() {
        let identifiers: HashSet<_> = (0..100).map(|_| claims(1800).jti).collect();
        assert_eq!(identifiers.len(), 100);
        assert!(identifiers.iter().all(|id| id.len() == 32));
        let Claims { exp, iat, iss, sub, .. } = claims(1800);
        assert_eq!((exp, iat, iss.as_str(), sub.as_str()), (1900, 100, "kleidia", "-7"));
    }

    #[test]
    fn expiry_saturates() {
        assert_eq!(claims(1800).expires_at(), Timestamp::constant(1900, 0));
        assert_eq!(claims(u64::MAX).exp, i64::MAX);
        assert_eq!(claims(u64::MAX).expires_at(), Timestamp::MAX);
    }
}
