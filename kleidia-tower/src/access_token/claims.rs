//! The claims of access tokens.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use jiff::fmt::serde::timestamp::second::required as second;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{SessionId, Timestamp, UserId, time};

/// The claims of an access token.
///
/// A token may also have an object `ext`, whose members are ignored. A later version of this crate
/// puts claims there that an earlier one may ignore, so that nodes can be replaced one by one.
/// Claims that restrict a token are not in `ext`, so an earlier version rejects them.
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
/// assert_eq!(claims.expires_at.to_string(), "2026-11-22T18:33:00Z");
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
    /// The time at which the token expires (exclusive), in whole seconds: `exp`.
    #[serde(rename = "exp", with = "second")]
    pub expires_at: Timestamp,
    /// The time at which the token was issued, in whole seconds: `iat`.
    #[serde(rename = "iat", with = "second")]
    pub issued_at: Timestamp,
    /// The issuer, [`Self::ISSUER`].
    pub iss: String,
    /// The subject: `user_id` as text.
    pub sub: String,
    /// A unique identifier of the token.
    pub jti: String,
    /// Claims that may be ignored.
    #[serde(default, skip_serializing)]
    pub ext: Extensions,
}

/// The claims of later versions that may be ignored. This version has none, and keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        HashMap::<String, IgnoredAny>::deserialize(deserializer).map(|_| Self {})
    }
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
            expires_at: time::add(now, ttl),
            issued_at: time::whole_seconds(now),
            iss: Self::ISSUER.to_owned(),
            sub: user_id.to_string(),
            jti: format!("{:032x}", u128::from_be_bytes(id)),
            ext: Extensions::default(),
        })
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
    }

    #[test]
    fn times_are_seconds_since_1970() {
        let json = serde_json::to_value(claims(1800)).unwrap();
        assert_eq!((&json["exp"], &json["iat"]), (&1900.into(), &100.into()));
        assert_eq!((&json["iss"], &json["sub"]), (&"kleidia".into(), &"-7".into()));
        assert!(claims(u64::MAX).expires_at > Timestamp::constant(253_402_000_000, 0));
    }
}
