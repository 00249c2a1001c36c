//! The personal data of an account, which authentication does not need.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::EmailAddress;
use crate::visible_text::is_visible;

/// The personal data of an account. A store keeps it in a row of its own, which no request reads
/// and which an erasure deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name to display.
    pub display_name: Option<DisplayName>,
    /// The address of the user's mail.
    pub email: Option<ProfileEmail>,
    /// Data of the service.
    pub attributes: Attributes,
}

/// An address in a [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileEmail {
    /// The address.
    pub address: EmailAddress,
    /// Whether the user has proved to receive mail there. A change of the address resets it.
    pub is_verified: bool,
}

/// A name to display: 1 to 128 visible characters, neither the first nor the last of which is a
/// space.
///
/// It is not unique and identifies no one; a [`UserName`](crate::UserName) does.
///
/// ```
/// use kleidia_tower::account::DisplayName;
///
/// let name: DisplayName = "Alice Lovelace".parse()?;
/// assert_eq!(name.as_str(), "Alice Lovelace");
/// # Ok::<(), kleidia_tower::account::DisplayNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

/// An error from parsing a [`DisplayName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to {} visible characters without a space at the ends",
    DisplayName::MAX_CHARACTERS
)]
pub struct DisplayNameError;

/// The data of a service about an account: a JSON object of at most 4,096 octets.
///
/// ```
/// use kleidia_tower::account::Attributes;
///
/// let attributes: Attributes = r#"{ "locale": "en" }"#.parse()?;
/// assert_eq!(attributes.to_string(), r#"{"locale":"en"}"#);
/// # Ok::<(), kleidia_tower::account::AttributesError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Map<String, Value>);

/// An error from parsing [`Attributes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributesError {
    /// The text is not a JSON object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// The object is too large.
    #[error("expected at most {} octets of JSON", Attributes::MAX_OCTETS)]
    TooLarge,
}

impl Profile {
    /// Returns the address if it is verified.
    #[must_use]
    pub fn verified_email(&self) -> Option<&EmailAddress> {
        self.email.as_ref().filter(|email| email.is_verified).map(|email| &email.address)
    }
}

impl DisplayName {
    /// The maximum number of characters.
    pub const MAX_CHARACTERS: usize = 128;

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = DisplayNameError;

    fn from_str(text: &str) -> Result<Self, DisplayNameError> {
        let is_bounded = text.chars().nth(Self::MAX_CHARACTERS).is_none();
        let is_valid = !text.is_empty() && is_bounded && text.trim() == text;
        let is_valid = is_valid && text.chars().all(is_visible);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(DisplayNameError) }
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Attributes {
    /// The maximum length of the text form.
    pub const MAX_OCTETS: usize = 4096;

    /// Returns the attributes of an object.
    ///
    /// # Errors
    /// [`AttributesError::NotAnObject`], [`AttributesError::TooLarge`].
    pub fn new(attributes: &impl Serialize) -> Result<Self, AttributesError> {
        match serde_json::to_value(attributes) {
            Ok(Value::Object(object)) => Self::check(object),
            _ => Err(AttributesError::NotAnObject),
        }
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn check(object: Map<String, Value>) -> Result<Self, AttributesError> {
        let attributes = Self(object);
        let is_bounded = attributes.to_string().len() <= Self::MAX_OCTETS;
        if is_bounded { Ok(attributes) } else { Err(AttributesError::TooLarge) }
    }
}

impl FromStr for Attributes {
    type Err = AttributesError;

    fn from_str(text: &str) -> Result<Self, AttributesError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Self::check(object),
            _ => Err(AttributesError::NotAnObject),
        }
    }
}

/// Writes the JSON without spaces.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::check(Map::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_display_names_that_hide_text() {
        for text in ["", " a", "a ", "a\u{202e}b", "a\nb", &"a".repeat(129)] {
            assert_eq!(text.parse::<DisplayName>(), Err(DisplayNameError), "{text:?}");
        }
        for text in ["A", "Jos\u{e9}  L", &"\u{e9}".repeat(128)] {
            assert_eq!(text.parse::<DisplayName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn attributes_are_a_bounded_object() {
        for text in ["", "[]", "1", "{", "{}{}"] {
            assert_eq!(text.parse::<Attributes>(), Err(AttributesError::NotAnObject), "{text}");
        }
        let object = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length));
        let longest = object(Attributes::MAX_OCTETS - 8);
        assert_eq!(longest.parse::<Attributes>().unwrap().to_string(), longest);
        let longer = object(Attributes::MAX_OCTETS - 7).parse::<Attributes>();
        assert_eq!(longer, Err(AttributesError::TooLarge));
        let nested = "{\"a\":".repeat(1000) + "1" + &"}".repeat(1000);
        assert_eq!(nested.parse::<Attributes>(), Err(AttributesError::NotAnObject));
    }
}
