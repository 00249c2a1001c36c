//! `Set-Cookie` headers (RFC 6265bis, 4.1).

use http::header::SET_COOKIE;
use http::{HeaderName, HeaderValue};

/// A cookie to set; one with a `max_age` of 0 is removed.
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    pub(super) path: &'a str,
    pub(super) value: &'a str,
    /// In seconds.
    pub(super) max_age: u64,
}

impl SetCookie<'_> {
    /// Returns the header, which is sensitive.
    pub(super) fn to_header(&self) -> (HeaderName, HeaderValue) {
        let Self { name, path, value, max_age } = self;
        let text = format!(
            "{name}={value}; Max-Age={max_age}; Path={path}; Secure; HttpOnly; SameSite=Strict"
        );
        // Names and paths are checked, and tokens are Base64url, so the conversion succeeds.
        let header = HeaderValue::from_str(&text);
        let mut header = header.unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        (SET_COOKIE, header)
    }
}
