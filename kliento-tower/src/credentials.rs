//! The credentials of a request: which one `Authorization` header has, before anything is decoded.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use kliento::{AuthorizationError, MAX_BUNDLE_OCTETS, Malformed};

use crate::Rejection;

const SCHEME: &[u8] = b"Kliento";

/// The characters that a bundle of the largest size takes in Base64.
const MAX_CHARACTERS: usize = MAX_BUNDLE_OCTETS.div_ceil(3) * 4;

/// What a request's `Authorization` header is.
pub(crate) enum Credentials<'a> {
    /// There is none.
    Missing,
    /// One of another scheme.
    Other(&'a [u8]),
    /// One of ours, of a length that a bundle can have.
    Kliento(&'a HeaderValue),
}

impl<'a> Credentials<'a> {
    /// The credentials that are ours to check, or why there are none.
    pub(crate) fn ours(
        headers: &'a HeaderMap,
        is_left_to_others: impl Fn(&[u8]) -> bool,
    ) -> Result<&'a HeaderValue, Rejection> {
        match Self::of(headers)? {
            Self::Kliento(value) => Ok(value),
            Self::Missing => Err(Rejection::MissingCredentials),
            Self::Other(scheme) if is_left_to_others(scheme) => Err(Rejection::OtherScheme),
            Self::Other(_) => Err(Rejection::UnsupportedScheme),
        }
    }

    /// Finds the credentials.
    ///
    /// The header is no list (RFC 9110, 11.6.2), so neither several fields nor several values are
    /// taken: whoever stands before us might have looked at another one.
    fn of(headers: &'a HeaderMap) -> Result<Self, Rejection> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Self::Missing) };
        if values.next().is_some() {
            return Err(Rejection::SeveralCredentials);
        }
        let octets = value.as_bytes();
        let scheme = scheme(octets);
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Ok(Self::Other(scheme));
        }
        let found = parameter(octets).len();
        if found > MAX_CHARACTERS {
            let error = AuthorizationError::TooLong { maximum: MAX_CHARACTERS, found };
            return Err(kliento::Error::from(Malformed::from(error)).into());
        }
        Ok(Self::Kliento(value))
    }
}

/// The scheme's name: all that precedes the first space (RFC 9110, 11.4).
pub(crate) fn scheme(value: &[u8]) -> &[u8] {
    value.split(|octet| *octet == b' ').next().unwrap_or_default()
}

/// What follows the scheme and the spaces after it.
pub(crate) fn parameter(value: &[u8]) -> &[u8] {
    let rest = value.get(scheme(value).len()..).unwrap_or_default();
    let spaces = rest.iter().take_while(|octet| **octet == b' ').count();
    rest.get(spaces..).unwrap_or_default()
}

/// Whether there are several credentials in one value: Base64 has no comma.
pub(crate) fn is_list(value: &[u8]) -> bool {
    value.contains(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    fn is_ours(value: &str) -> bool {
        matches!(Credentials::of(&headers(&[value])), Ok(Credentials::Kliento(_)))
    }

    #[test]
    fn the_scheme_is_compared_without_case_and_whole() {
        assert!(is_ours("Kliento QUI=") && is_ours("kLIENTO   QUI="));
        for other in ["Klientos QUI=", "Klient QUI=", "Bearer Kliento", "KlientoQUI=", ""] {
            assert!(!is_ours(other), "{other}");
        }
        assert_eq!(parameter(b"Kliento   QUI= x"), b"QUI= x");
        assert_eq!(parameter(b"Kliento"), b"");
    }

    #[test]
    fn several_headers_are_refused() {
        for values in [["Kliento QUI=", "Kliento QUI="], ["Bearer x", "Kliento QUI="]] {
            let headers = headers(&values);
            let found = Credentials::of(&headers);
            assert!(matches!(found, Err(Rejection::SeveralCredentials)));
        }
    }

    #[test]
    fn what_is_longer_than_a_bundle_is_refused() {
        let largest = format!("Kliento {}", "A".repeat(MAX_CHARACTERS));
        assert!(is_ours(&largest));
        let headers = headers(&[&format!("{largest}A")]);
        let refused = Credentials::of(&headers).err().unwrap();
        assert_eq!(refused.reason(), "authorization-too-long");
    }
}
