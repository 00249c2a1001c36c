//! Query parameters.

use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::rejection::ApiRejection;
use crate::{InvalidField, Rejection};

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
