//! The credentials in the `Authorization` header of a request (RFC 9110, 11.6.2).

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// The credentials in the `Authorization` header of a request.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
/// use http_guard::Credentials;
///
/// let value = HeaderValue::from_static("Bearer abc");
/// let headers = HeaderMap::from_iter([(AUTHORIZATION, value.clone())]);
/// let bearer = Credentials::from_headers(&headers, "bearer");
/// assert_eq!(bearer, Credentials::Matching { header: &value, token: b"abc" });
/// assert_eq!(Credentials::from_headers(&headers, "Basic"), Credentials::OtherScheme(b"Bearer"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// There is no header.
    Missing,
    /// There are several headers, of which another recipient may read a different one.
    Multiple,
    /// The credentials are of this scheme, not of the expected one.
    OtherScheme(&'a [u8]),
    /// The credentials are of the expected scheme.
    Matching {
        /// The whole value of the header.
        header: &'a HeaderValue,
        /// Everything after the scheme, unchecked.
        token: &'a [u8],
    },
}

impl<'a> Credentials<'a> {
    /// Reads the credentials. Schemes are compared without case.
    #[must_use]
    pub fn from_headers(headers: &'a HeaderMap, expected: &str) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = values.next() else { return Self::Missing };
        if values.next().is_some() {
            return Self::Multiple;
        }
        let found = scheme(header.as_bytes());
        if found.eq_ignore_ascii_case(expected.as_bytes()) {
            Self::Matching { header, token: token68(header.as_bytes()) }
        } else {
            Self::OtherScheme(found)
        }
    }
}

/// Returns the name of the scheme: everything before the first space (RFC 9110, 11.4).
pub(crate) fn scheme(value: &[u8]) -> &[u8] {
    value.split(|octet| *octet == b' ').next().unwrap_or_default()
}

/// Returns everything after the scheme and its spaces: the `token68` of schemes that have one,
/// unchecked.
#[must_use]
pub fn token68(value: &[u8]) -> &[u8] {
    let rest = value.get(scheme(value).len()..).unwrap_or_default();
    let spaces = rest.iter().take_while(|octet| **octet == b' ').count();
    rest.get(spaces..).unwrap_or_default()
}

/// Returns whether a value is a list of credentials: a `token68` has no comma.
#[must_use]
pub fn has_multiple_values(value: &[u8]) -> bool {
    memchr::memchr(b',', value).is_some()
}

/// Marks the `Authorization` header as [sensitive](HeaderValue::set_sensitive), so that it is not
/// printed with the others.
pub fn mark_authorization_sensitive(headers: &mut HeaderMap) {
    // `HeaderMap::entry` would reserve space for one more header first.
    let values = headers.iter_mut().filter(|(name, _)| *name == AUTHORIZATION);
    values.for_each(|(_, value)| value.set_sensitive(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    fn read(value: &str) -> Option<Vec<u8>> {
        match Credentials::from_headers(&headers(&[value]), "Kliento") {
            Credentials::Matching { token, .. } => Some(token.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn compares_whole_scheme_without_case() {
        for (value, token) in [
            ("Kliento QUI=", "QUI="),
            ("kLIENTO   QUI=", "QUI="),
            ("Kliento a b", "a b"),
            ("Kliento", ""),
        ] {
            assert_eq!(read(value).as_deref(), Some(token.as_bytes()), "{value}");
        }
        for other in ["Klientos QUI=", "Klient QUI=", "Bearer Kliento", "KlientoQUI=", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn reports_multiple_headers() {
        for values in [["Kliento QUI=", "Kliento QUI="], ["Bearer x", "Kliento QUI="]] {
            let headers = headers(&values);
            assert_eq!(Credentials::from_headers(&headers, "Kliento"), Credentials::Multiple);
        }
        assert_eq!(Credentials::from_headers(&headers(&[]), "Kliento"), Credentials::Missing);
    }

    #[test]
    fn marks_each_authorization_header_sensitive() {
        let mut headers = headers(&["Bearer x", "Bearer y"]);
        headers.insert("x-other", HeaderValue::from_static("z"));
        mark_authorization_sensitive(&mut headers);
        assert!(headers.get_all(AUTHORIZATION).iter().all(HeaderValue::is_sensitive));
        assert!(!headers["x-other"].is_sensitive());
    }
}
