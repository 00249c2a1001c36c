//! Typed claims: reads the claims of a token, which are texts, into a type of the service.

use std::collections::btree_map;
use std::fmt;
use std::str::FromStr;

use kliento_core::Claims;
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use veraid::Excerpt;

use crate::WorkloadIdentity;

/// The claims of a token are not those of a type.
///
/// Its texts are those of the signer, cut to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// A required claim is missing.
    #[error("missing claim {0:?}")]
    Missing(String),
    /// A claim is unknown, and the type denies unknown ones.
    #[error("unknown claim {0:?}")]
    Unknown(String),
    /// The value of a claim is invalid.
    #[error("invalid claim {claim:?}: {reason}")]
    Invalid {
        /// The name of the claim.
        claim: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The claims as a whole are invalid, or the type has no named fields.
    #[error("invalid claims: {0}")]
    Whole(String),
}

impl WorkloadIdentity {
    /// Reads the claims into a type, by serde.
    ///
    /// A field has the claim of its name. Texts and units of enums are taken as they are; numbers,
    /// characters, `true` and `false` are parsed. A missing claim is `None` for an `Option`. Claims
    /// without a field are ignored, unless the type denies unknown fields. The claims are the
    /// signer's statements, which the layer does not check.
    ///
    /// ```
    /// use kliento_tower::{ClaimsError, WorkloadIdentity};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Permissions<'a> {
    ///     project: &'a str,
    ///     role: Role,
    ///     max_amount: Option<u32>,
    /// }
    ///
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// enum Role {
    ///     ReadOnly,
    ///     Admin,
    /// }
    ///
    /// fn permissions(caller: &WorkloadIdentity) -> Result<Permissions<'_>, ClaimsError> {
    ///     caller.claims_as()
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ClaimsError`] with the name of the claim that is missing or invalid.
    pub fn claims_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ClaimsError> {
        T::deserialize(ClaimsDeserializer(self.claims()))
    }
}

impl de::Error for ClaimsError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Whole(Excerpt(message).to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field.to_owned())
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown(Excerpt(field).to_string())
    }
}

struct ClaimsDeserializer<'de>(&'de Claims);

impl<'de> Deserializer<'de> for ClaimsDeserializer<'de> {
    type Error = ClaimsError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ClaimsError> {
        visitor.visit_map(ClaimsAccess { claims: self.0.iter(), value: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ClaimsError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct ClaimsAccess<'de> {
    claims: btree_map::Iter<'de, String, String>,
    /// The claim whose name was read.
    value: Option<(&'de str, &'de str)>,
}

impl<'de> MapAccess<'de> for ClaimsAccess<'de> {
    type Error = ClaimsError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ClaimsError> {
        self.value = self.claims.next().map(|(name, value)| (name.as_str(), value.as_str()));
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ClaimsError> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(ClaimValue(value)).map_err(|error| {
            let reason = match error {
                ClaimsError::Whole(reason) => reason,
                other => other.to_string(),
            };
            ClaimsError::Invalid { claim: Excerpt(name).to_string(), reason }
        })
    }
}

/// The value of a claim: a text, which is parsed if the type is another.
struct ClaimValue<'de>(&'de str);

impl ClaimValue<'_> {
    fn parse<T: FromStr>(&self, expected: &str) -> Result<T, ClaimsError> {
        let error = || de::Error::custom(format_args!("expected {expected}, found {:?}", self.0));
        self.0.parse().map_err(|_| error())
    }
}

macro_rules! parse {
    ($($deserialize:ident => $visit:ident, $expected:literal;)+) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ClaimsError> {
            visitor.$visit(self.parse($expected)?)
        })+
    };
}

impl<'de> Deserializer<'de> for ClaimValue<'de> {
    type Error = ClaimsError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ClaimsError> {
        visitor.visit_borrowed_str(self.0)
    }

    parse! {
        deserialize_bool => visit_bool, "true or false";
        deserialize_i8 => visit_i8, "an integer of 8 bits";
        deserialize_i16 => visit_i16, "an integer of 16 bits";
        deserialize_i32 => visit_i32, "an integer of 32 bits";
        deserialize_i64 => visit_i64, "an integer of 64 bits";
        deserialize_i128 => visit_i128, "an integer of 128 bits";
        deserialize_u8 => visit_u8, "an unsigned integer of 8 bits";
        deserialize_u16 => visit_u16, "an unsigned integer of 16 bits";
        deserialize_u32 => visit_u32, "an unsigned integer of 32 bits";
        deserialize_u64 => visit_u64, "an unsigned integer of 64 bits";
        deserialize_u128 => visit_u128, "an unsigned integer of 128 bits";
        deserialize_f32 => visit_f32, "a number";
        deserialize_f64 => visit_f64, "a number";
        deserialize_char => visit_char, "one character";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ClaimsError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ClaimsError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ClaimsError> {
        let variant: StrDeserializer<'_, ClaimsError> = self.0.into_deserializer();
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
