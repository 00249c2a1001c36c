//! The claims that a service adds to access tokens.

use std::sync::{Arc, LazyLock};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Claims that a service adds to access tokens, by a
/// [hook](crate::account::AccountHooks::access_token_claims).
///
/// They are in the member `claims` of the token's object `ext`, so they replace no other claim.
/// Names of registered claims (RFC 7519, and those of other RFCs that services decide by) and of
/// this crate are rejected nevertheless, so that a client that merges both cannot confuse them.
///
/// Anyone who has the token can read them.
///
/// ```
/// use kleidia_tower::access_token::ExtraClaims;
///
/// let claims = ExtraClaims::default().with("plan", "gold")?.with("seats", 5)?;
/// assert_eq!(claims.get("plan").and_then(|plan| plan.as_str()), Some("gold"));
/// assert!(ExtraClaims::default().with("sub", "root").is_err());
/// # Ok::<(), kleidia_tower::access_token::ExtraClaimError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraClaims(Option<Arc<Map<String, Value>>>);

/// Why a claim cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraClaimError {
    /// The name is registered, or this crate uses it.
    #[error("reserved claim name {0:?}")]
    Reserved(String),
    /// The name does not have 1 to [`ExtraClaims::MAX_NAME_OCTETS`] of the characters that are allowed.
    #[error("invalid claim name: expected 1 to 64 of A-Z, a-z, 0-9, `_`, `-`, `.`, `:` and `/`")]
    Name,
    /// There is a claim of this name.
    #[error("duplicate claim {0:?}")]
    Duplicate(String),
    /// The value is nested too deeply.
    #[error("claim nested deeper than {}", ExtraClaims::MAX_DEPTH)]
    Depth,
    /// All claims together are too long as JSON.
    #[error("claims longer than {} octets", ExtraClaims::MAX_OCTETS)]
    Length,
}

/// The registered claims that services decide by (RFC 7519, 7800, 8176, 8693 and 9068, and OIDC
/// Core), and the claims of this crate.
const RESERVED: [&str; 29] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "cnf",
    "act",
    "may_act",
    "scope",
    "client_id",
    "azp",
    "amr",
    "acr",
    "auth_time",
    "sid",
    "nonce",
    "roles",
    "groups",
    "entitlements",
    "events",
    "user_id",
    "username",
    "is_admin",
    "session_id",
    "ext",
    "claims",
    "permissions",
];

static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl ExtraClaims {
    /// The maximum length of all claims as a JSON object, in octets. A token with them fits into a
    /// cookie and into the headers that proxies accept.
    pub const MAX_OCTETS: usize = 1024;
    /// The maximum length of a name, in octets.
    pub const MAX_NAME_OCTETS: usize = 64;
    /// How deeply a value may be nested: 1 is an array or an object of plain values.
    pub const MAX_DEPTH: usize = 4;

    /// Adds a claim.
    ///
    /// # Errors
    /// [`ExtraClaimError`] if the name is reserved, invalid or taken, or the value exceeds a bound.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Result<Self, ExtraClaimError> {
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"_-.:/".contains(&octet);
        if !(1..=Self::MAX_NAME_OCTETS).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(ExtraClaimError::Name);
        }
        if RESERVED.contains(&name) {
            return Err(ExtraClaimError::Reserved(name.to_owned()));
        }
        let value = value.into();
        if !fits(&value, Self::MAX_DEPTH) {
            return Err(ExtraClaimError::Depth);
        }
        let claims = Arc::make_mut(self.0.get_or_insert_default());
        if claims.insert(name.to_owned(), value).is_some() {
            return Err(ExtraClaimError::Duplicate(name.to_owned()));
        }
        let length = serde_json::to_string(&claims).map_or(usize::MAX, |text| text.len());
        if length > Self::MAX_OCTETS { Err(ExtraClaimError::Length) } else { Ok(self) }
    }

    /// Takes the claims of a token, which a later version may have bounded otherwise.
    pub(super) fn from_token(claims: Map<String, Value>) -> Self {
        Self((!claims.is_empty()).then(|| Arc::new(claims)))
    }

    /// Returns the value of a claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map().get(name)
    }

    /// Returns whether there are no claims.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_map().is_empty()
    }

    /// Returns all claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl Serialize for ExtraClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_map().serialize(serializer)
    }
}

/// Returns whether a value is nested at most this deeply.
fn fits(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth > 0 && values.iter().all(|value| fits(value, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|value| fits(value, depth - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: &str, value: impl Into<Value>) -> Result<ExtraClaims, ExtraClaimError> {
        ExtraClaims::default().with(name, value)
    }

    #[test]
    fn rejects_reserved_and_invalid_names() {
        for name in RESERVED {
            assert_eq!(with(name, 1), Err(ExtraClaimError::Reserved(name.to_owned())));
        }
        for name in ["", "a b", "caf\u{e9}", "a\"b", &"a".repeat(65)] {
            assert_eq!(with(name, 1), Err(ExtraClaimError::Name), "{name}");
        }
        let claims = with("https://example.com/plan", "gold").unwrap();
        let again = claims.with("https://example.com/plan", "silver");
        assert!(matches!(again, Err(ExtraClaimError::Duplicate(_))), "{again:?}");
        assert!(with(&"a".repeat(64), 1).is_ok());
    }

    #[test]
    fn bounds_length_and_depth() {
        // {"a":"..."}
        let longest = ExtraClaims::MAX_OCTETS - 8;
        assert!(with("a", "x".repeat(longest)).is_ok());
        assert_eq!(with("a", "x".repeat(longest + 1)), Err(ExtraClaimError::Length));
        let full = with("a", "x".repeat(longest)).unwrap();
        assert_eq!(full.with("b", 1), Err(ExtraClaimError::Length));
        assert!(with("a", json!([[[[1]]]])).is_ok());
        assert_eq!(with("a", json!([[[[[1]]]]])), Err(ExtraClaimError::Depth));
        assert_eq!(with("a", json!({"b": [[[[]]]]})), Err(ExtraClaimError::Depth));
    }
}
