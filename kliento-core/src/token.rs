//! The token: its audience and its claims.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use veraid::Excerpt;

/// The claims of a token, text to text.
pub type Claims = BTreeMap<String, String>;

/// A Kliento token: an audience and claims.
///
/// ```
/// use kliento_core::Token;
///
/// let token = Token::new("https://api.example.com").with_claim("permission", "read-only");
/// let json = token.to_json();
/// assert_eq!(json, r#"{"audience":"https://api.example.com","claims":{"permission":"read-only"}}"#);
/// assert_eq!(Token::from_json(json.as_bytes())?, token);
/// # Ok::<(), kliento_core::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    audience: String,
    #[serde(skip_serializing_if = "Claims::is_empty")]
    claims: Claims,
}

/// The octets are not a valid token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed token: {reason}")]
#[non_exhaustive]
pub struct TokenError {
    /// The error of the JSON reader, at most 100 characters of it.
    pub reason: String,
}

impl Token {
    /// Creates a token for the audience, without claims.
    pub fn new(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), claims: Claims::new() }
    }

    /// Adds a claim, or replaces the claim with the same name.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Returns the audience.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns the claims.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }

    /// Reads a token: the plaintext of a token bundle.
    ///
    /// # Errors
    /// [`TokenError`] unless it is a JSON object in UTF-8, without a byte-order mark, with a text
    /// `audience` and, if there are any, `claims` from text to text. Duplicate members are an
    /// error. Other members are ignored.
    pub fn from_json(octets: &[u8]) -> Result<Self, TokenError> {
        // The reason can quote the token.
        let reject = |reason: &dyn fmt::Display| TokenError { reason: Excerpt(reason).to_string() };
        let text = std::str::from_utf8(octets).map_err(|error| reject(&error))?;
        let mut json = serde_json::Deserializer::from_str(text);
        let token = json.deserialize_map(TokenVisitor).map_err(|error| reject(&error))?;
        json.end().map_err(|error| reject(&error))?;
        Ok(token)
    }

    /// Writes the token as JSON, without `claims` if there are none.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text and maps of text can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

struct TokenVisitor;

impl<'de> Visitor<'de> for TokenVisitor {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Token, A::Error> {
        let (mut audience, mut claims, mut seen) = (None, None, BTreeSet::new());
        while let Some(name) = members.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("duplicate member {name:?}")));
            }
            match name.as_str() {
                "audience" => audience = Some(members.next_value::<String>()?),
                "claims" => claims = Some(members.next_value::<ClaimsWithoutDuplicates>()?.0),
                // Parsed in full, so that invalid JSON, such as a lone surrogate, is an error.
                _ => drop(members.next_value::<serde_json::Value>()?),
            }
            seen.insert(name);
        }
        let audience = audience.ok_or_else(|| A::Error::missing_field("audience"))?;
        Ok(Token { audience, claims: claims.unwrap_or_default() })
    }
}

/// Claims without duplicates.
struct ClaimsWithoutDuplicates(Claims);

impl<'de> Deserialize<'de> for ClaimsWithoutDuplicates {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor).map(Self)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of text members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::new();
        while let Some((name, value)) = members.next_entry::<String, String>()? {
            if claims.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate claim {name:?}")));
            }
            claims.insert(name, value);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_other_members() {
        let token = Token::from_json(br#" {"x": [{"y": 1}], "audience": "a", "claims": {}} "#);
        assert_eq!(token.unwrap(), Token::new("a"));
    }

    #[test]
    fn rejects_invalid_tokens() {
        for json in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"audience":1}"#,
            r#"{"audience":null}"#,
            r#"{"audience":"a"} x"#,
            r#"{"audience":"a","audience":"a"}"#,
            r#"{"audience":"a","x":1,"x":1}"#,
            r#"{"audience":"a","\u0061udience":"a"}"#,
            r#"{"audience":"a","claims":null}"#,
            r#"{"audience":"a","claims":[]}"#,
            r#"{"audience":"a","claims":{"b":1}}"#,
            r#"{"audience":"a","claims":{"b":"1","b":"2"}}"#,
            r#"{"audience":"\ud800"}"#,
            r#"{"audience":"a","x":"\udc00"}"#,
            r#"{"audience":"a",}"#,
            "{\"audience\":\"a\nb\"}",
            "\u{feff}{\"audience\":\"a\"}",
        ] {
            assert!(Token::from_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Token::from_json(b"{\"audience\":\"\xff\"}").is_err());
    }
}
