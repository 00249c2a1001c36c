//! Query parameters.

use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::rejection::ApiRejection;
use crate::{InvalidField, Rejection, Timestamp};

/// Query parameters as text; each is parsed by [`parse`].
pub(super) struct QueryParams<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiRejection> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        let malformed = |_| Rejection::MalformedRequest("The query string is malformed");
        Ok(query.map(|Query(params)| Self(params)).map_err(malformed)?)
    }
}

/// Parses a parameter; an empty one counts as missing.
pub(super) fn parse<T: FromStr>(
    name: &'static str,
    text: &str,
    detail: &'static str,
) -> Result<Option<T>, Rejection> {
    parse_with(name, text, |text| text.parse().ok(), detail)
}

/// Parses a parameter with a function.
pub(super) fn parse_with<T>(
    name: &'static str,
    text: &str,
    from_text: impl FnOnce(&str) -> Option<T>,
    detail: &'static str,
) -> Result<Option<T>, Rejection> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || Rejection::InvalidFields(vec![InvalidField::new(name, "invalid", detail)]);
    from_text(text).map(Some).ok_or_else(invalid)
}

/// Parses a time as in RFC 3339, with `Z` or an offset.
///
/// In a query string a `+` that is not escaped means a space (URL Standard, 5.1), so one before the
/// offset is accepted.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let is_digits = |part: &str, length| {
        part.len() == length && part.bytes().all(|octet| octet.is_ascii_digit())
    };
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-', ' '])?)?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_fraction = (1..=9).contains(&fraction.len()) && is_digits(fraction, fraction.len());
    let offset = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => "Z".to_owned(),
        ("+" | " ", offset) if offset.len() == 5 => format!("+{offset}"),
        ("-", offset) if offset.len() == 5 => format!("-{offset}"),
        _ => return None,
    };
    // The parser accepts more forms of ISO 8601.
    let has_form = clock.len() == 8 && is_digits(&date.replace('-', ""), 8) && is_fraction;
    has_form.then(|| format!("{date}T{time}{offset}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_rfc_3339() {
        let noon = "2026-11-29T12:00:00Z".parse().ok();
        for text in [
            "2026-11-29T12:00:00Z",
            "2026-11-29t12:00:00z",
            "2026-11-29 12:00:00Z",
            "2026-11-29T12:00:00.000Z",
            "2026-11-29T13:30:00+01:30",
            "2026-11-29T13:30:00 01:30",
            "2026-11-29T04:00:00-08:00",
            "2026-11-29T12:00:00-00:00",
        ] {
            assert_eq!(time(text), noon, "{text}");
        }
        let fraction = "2026-11-29T12:00:00.5Z".parse().ok();
        assert_eq!(time("2026-11-29T14:00:00.500000+02:00"), fraction);
    }

    #[test]
    fn rejects_other_forms() {
        for text in [
            "",
            "yesterday",
            "2026-11-29",
            "2026-11-29T12:00:00",
            "2026-11-29T12:00Z",
            "2026-11-29T12Z",
            "20261129T120000Z",
            "2026-11-29T12:00:00+01",
            "2026-11-29T12:00:00+0100",
            "2026-11-29T12:00:00+01:00[Europe/Paris]",
            "2026-11-29T12:00:00Z[UTC]",
            "2026-11-29T12:00:00+01:00:00",
            "2026-11-29T12:00:00.Z",
            "2026-11-29T12:00:00,5Z",
            "2026-11-29T25:00:00Z",
            "2026-13-29T12:00:00Z",
            "+002026-11-29T12:00:00Z",
            "2026-11-29T12:00:00Z ",
            "\u{1f600}\u{1f600}\u{1f600}T12:00:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
