//! The claims of access tokens.

use std::fmt;
use std::time::Duration;

use jiff::fmt::serde::timestamp::second::required as second;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{AccessTokenError, ExtraClaims, InvalidTokenReason};
use crate::{SessionId, Timestamp, UserId, time};

/// The claims of an access token: those of a new one, or of one that [`verify`](super::verify)
/// accepts.
///
/// The token's `iss` is [`Self::ISSUER`], and its `sub` is the user's id as text. A token may also
/// have an object `ext`, whose other members than `claims` are ignored. A later version of this crate
/// puts claims there that an earlier one may ignore, so that nodes can be replaced one by one. Claims
/// that restrict a token are not in `ext`, so an earlier version rejects them.
///
/// The object `claims` in `ext` has the [claims that the service adds](ExtraClaims).
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
/// assert_eq!(claims.user_id(), user);
/// assert_eq!(claims.expires_at().to_string(), "2026-11-22T18:33:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(pub(super) Payload);

/// The payload of a token, whose members can contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    user_id: UserId,
    username: String,
    is_admin: bool,
    session_id: SessionId,
    #[serde(rename = "exp", with = "second")]
    expires_at: Timestamp,
    #[serde(rename = "iat", with = "second")]
    issued_at: Timestamp,
    iss: String,
    sub: String,
    jti: String,
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    ext: Extensions,
}

/// The claims that earlier versions may ignore. Those of later versions are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Extensions {
    claims: ExtraClaims,
}

/// Reads an object, and nothing else: a derived implementation would also read an array.
struct ExtensionsVisitor;

impl Extensions {
    fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ExtensionsVisitor)
    }
}

impl<'de> Visitor<'de> for ExtensionsVisitor {
    type Value = Extensions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Extensions, A::Error> {
        let mut claims = None;
        while let Some(name) = members.next_key::<String>()? {
            if name != "claims" {
                members.next_value::<IgnoredAny>()?;
            } else if claims.replace(members.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("claims"));
            }
        }
        Ok(Extensions { claims: ExtraClaims::from_token(claims.unwrap_or_default()) })
    }
}

impl Claims {
    /// The issuer of all access tokens.
    pub const ISSUER: &str = "kleidia";
    /// The maximum lifetime of a new token: a day.
    pub const MAX_TTL: Duration = Duration::from_secs(24 * 3600);

    /// Creates the claims of a token that is issued at `now` and expires after `ttl`: 1 second to
    /// [`Self::MAX_TTL`]. Both count whole seconds. Its id has 128 random bits.
    ///
    /// # Errors
    /// [`AccessTokenError::Lifetime`] outside of these bounds, and [`AccessTokenError::Random`] if
    /// the operating system provides no random octets.
    pub fn new(
        user_id: UserId,
        username: String,
        is_admin: bool,
        session_id: SessionId,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Self, AccessTokenError> {
        let bounds = Duration::from_secs(1)..=Self::MAX_TTL;
        let ttl = time::check_seconds("access token lifetime", ttl, bounds)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| AccessTokenError::Random(error.into()))?;
        Ok(Self(Payload {
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
        }))
    }

    /// Adds the claims of the service; none by default.
    #[must_use]
    pub fn with_extra(mut self, claims: ExtraClaims) -> Self {
        self.0.ext.claims = claims;
        self
    }

    /// Returns the claims that the service has added.
    #[must_use]
    pub const fn extra(&self) -> &ExtraClaims {
        &self.0.ext.claims
    }

    /// Returns the user.
    #[must_use]
    pub const fn user_id(&self) -> UserId {
        self.0.user_id
    }

    /// Returns the user's name when the token was issued.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.0.username
    }

    /// Returns whether the user was an admin when the token was issued.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// Returns the session, whose end invalidates the token.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.0.session_id
    }

    /// Returns the time at which the token expires (exclusive), in whole seconds: `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// Returns the time at which the token was issued, in whole seconds: `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.0.issued_at
    }

    /// Returns the unique identifier of the token: `jti`.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.0.jti
    }
}

impl TryFrom<Payload> for Claims {
    type Error = InvalidTokenReason;

    /// The issuer was checked when the payload was decoded.
    fn try_from(payload: Payload) -> Result<Self, InvalidTokenReason> {
        let is_consistent = payload.sub == payload.user_id.to_string();
        is_consistent.then_some(Self(payload)).ok_or(InvalidTokenReason::Subject)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn claims(ttl: Duration) -> Result<Claims, AccessTokenError> {
        let (user, session) = (UserId::new(-7), SessionId::new(11));
        Claims::new(user, "alice".to_owned(), true, session, Timestamp::constant(100, 0), ttl)
    }

    const TTL: Duration = Duration::from_secs(1800);

    #[test]
    fn identifiers_are_unique() {
        let identifiers: HashSet<_> = (0..100).map(|_| claims(TTL).unwrap().0.jti).collect();
        assert_eq!(identifiers.len(), 100);
        assert!(identifiers.iter().all(|id| id.len() == 32));
    }

    #[test]
    fn times_are_seconds_since_1970() {
        let json = serde_json::to_value(claims(TTL).unwrap().0).unwrap();
        assert_eq!((&json["exp"], &json["iat"]), (&1900.into(), &100.into()));
        assert_eq!((&json["iss"], &json["sub"]), (&"kleidia".into(), &"-7".into()));
    }

    #[test]
    fn rejects_lifetimes_out_of_bounds() {
        for seconds in [1, 24 * 3600] {
            let claims = claims(Duration::from_secs(seconds)).unwrap();
            let found = claims.expires_at().duration_since(claims.issued_at());
            assert_eq!(found.as_secs().unsigned_abs(), seconds);
        }
        let below = Duration::from_millis(999);
        for ttl in [Duration::ZERO, below, Duration::from_secs(24 * 3600 + 1), Duration::MAX] {
            let error = claims(ttl).unwrap_err();
            assert!(matches!(error, AccessTokenError::Lifetime(_)), "{ttl:?}: {error}");
        }
    }
}
