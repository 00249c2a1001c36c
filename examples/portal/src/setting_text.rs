//! How settings are written: durations, and values with a text form.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use http_guard::parse_socket_address;
use serde::{Deserialize, Deserializer};

/// A duration of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Period(pub(crate) Duration);

/// An error from reading a [`Period`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeriodError {
    #[error(transparent)]
    Malformed(#[from] humantime::DurationError),
    #[error("expected whole seconds, found {0:?}")]
    Fraction(Duration),
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        match humantime::parse_duration(text)? {
            period if period.subsec_nanos() == 0 => Ok(Self(period)),
            fraction => Err(PeriodError::Fraction(fraction)),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

pub(crate) fn kv_version<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u8>, D::Error> {
    match u8::deserialize(deserializer)? {
        version @ 1..=2 => Ok(Some(version)),
        _ => Err(serde::de::Error::custom("expected 1 or 2")),
    }
}

pub(crate) fn socket_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_socket_address(&text).map(Some).map_err(serde::de::Error::custom)
}

pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

pub(crate) fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?.into_iter();
    texts.map(|text| text.parse()).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}
