//! `Check`: the part of a request of Envoy that counts.

use std::collections::BTreeSet;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use envoy_types::ext_authz::v3::pb::CheckRequest;

use super::super::traces::{TRACEPARENT, TraceContext};

/// The start of all names of headers that Envoy removes, unless it sets them. A character that is
/// neither a letter nor a digit follows.
const PREFIX: &str = "kliento";

/// The key of the context extension with the audience of a route.
const AUDIENCE: &str = "audience";

/// What Envoy asks: whether a request with these headers may pass.
pub(super) struct Check<'a> {
    fields: Vec<(&'a str, &'a [u8])>,
    audience: Option<&'a str>,
}

fn is_read_as_kliento(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX);
    rest.is_some_and(|rest| rest.starts_with(|next: char| !next.is_ascii_alphanumeric()))
}

impl<'a> Check<'a> {
    pub(super) fn new(request: &'a CheckRequest) -> Self {
        let attributes = request.attributes.as_ref();
        let http = attributes.and_then(|attributes| attributes.request.as_ref()?.http.as_ref());
        // Envoy sends `header_map` with `encode_raw_headers`, otherwise `headers`, in which it joins
        // the values of a name by commas.
        let raw = http.and_then(|http| http.header_map.as_ref());
        let joined = http.map(|http| &http.headers).filter(|_| raw.is_none());
        let raw = raw.into_iter().flat_map(|map| &map.headers).map(|field| {
            let value =
                if field.raw_value.is_empty() { field.value.as_bytes() } else { &field.raw_value };
            (field.key.as_str(), value)
        });
        let joined = joined.into_iter().flatten();
        let joined = joined.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let audience =
            attributes.and_then(|attributes| attributes.context_extensions.get(AUDIENCE));
        Self { fields: raw.chain(joined).collect(), audience: audience.map(String::as_str) }
    }

    /// Returns the audience of the route. The configuration of Envoy has it, never a client.
    pub(super) const fn audience(&self) -> Option<&'a str> {
        self.audience
    }

    /// Returns all `Authorization` headers.
    pub(super) fn credentials(&self) -> HeaderMap {
        let values = self.values(&AUTHORIZATION).map(|value| {
            // Left out, it could make one of two credentials.
            let value = HeaderValue::from_bytes(value);
            (AUTHORIZATION, value.unwrap_or(HeaderValue::from_static("")))
        });
        let mut credentials = HeaderMap::new();
        for (name, value) in values {
            credentials.append(name, value);
        }
        credentials
    }

    /// Returns the names of the request's headers that a service could read as `Kliento-*`: many
    /// servers read `_` as `-`, and some read `.` and other characters as `_`.
    pub(super) fn kliento_names(&self) -> BTreeSet<String> {
        let names = self.fields.iter().map(|(name, _)| name.to_ascii_lowercase());
        names.filter(|name| is_read_as_kliento(name)).collect()
    }

    /// Returns the trace that the request's header says it belongs to.
    pub(super) fn trace_context(&self) -> Option<TraceContext<'a>> {
        let name = HeaderName::from_static(TRACEPARENT);
        let mut values = self.values(&name);
        let value = values.next().filter(|_| values.next().is_none())?;
        TraceContext::parse(value)
    }

    /// Returns whether Envoy answers as gRPC does.
    pub(super) fn is_grpc(&self) -> bool {
        let rest =
            self.values(&CONTENT_TYPE).find_map(|value| value.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }

    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_str()));
        fields.map(|(_, value)| *value)
    }
}
