//! The credentials in the `Authorization` header, before any decoding.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use kliento::{AuthorizationError, MAX_BUNDLE_OCTETS, Malformed};

use crate::Rejection;

const SCHEME: &[u8] = b"Kliento";

/// The Base64 length of a bundle of the maximum size.
const MAX_CHARACTERS: usize = MAX_BUNDLE_OCTETS.div_ceil(3) * 4;

/// The credentials of a request.
pub(crate) enum Credentials<'a> {
    /// There is no `Authorization` header.
    Missing,
    /// Credentials of another scheme.
    OtherScheme(&'a [u8]),
    /// A `Kliento` header no longer than the largest bundle.
    Kliento(&'a HeaderValue),
}

impl<'a> Credentials<'a> {
    /// Returns the Kliento credentials.
    ///
    /// # Errors
    /// The [`Rejection`] if there are none.
    pub(crate) fn for_kliento(
        headers: &'a HeaderMap,
        is_passthrough_scheme: impl Fn(&[u8]) -> bool,
    ) -> Result<&'a HeaderValue, Rejection> {
        match Self::from_headers(headers)? {
            Self::Kliento(value) => Ok(value),
            Self::Missing => Err(Rejection::MissingCredentials),
            Self::OtherScheme(scheme) if is_passthrough_scheme(scheme) => {
                Err(Rejection::PassthroughScheme)
            }
            Self::OtherScheme(_) => Err(Rejection::UnsupportedScheme),
        }
    }

    /// Reads the header, which is single-valued (RFC 9110, 11.6.2).
    ///
    /// Several values are rejected: a proxy in front may have checked another one.
    fn from_headers(headers: &'a HeaderMap) -> Result<Self, Rejection> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Self::Missing) };
        if values.next().is_some() {
            return Err(Rejection::MultipleCredentials);
        }
        let octets = value.as_bytes();
        let scheme = scheme(octets);
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Ok(Self::OtherScheme(scheme));
        }
        let found = token68(octets).len();
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
pub(crate) fn token68(value: &[u8]) -> &[u8] {
    let rest = value.get(scheme(value).len()..).unwrap_or_default();
    let spaces = rest.iter().take_while(|octet| **octet == b' ').count();
    rest.get(spaces..).unwrap_or_default()
}

/// Whether the value is a list of credentials: Base64 contains no comma.
pub(crate) fn has_multiple_values(value: &[u8]) -> bool {
    value.contains(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    fn is_kliento(value: &str) -> bool {
        matches!(Credentials::from_headers(&headers(&[value])), Ok(Credentials::Kliento(_)))
    }

    #[test]
    fn compares_the_whole_scheme_case_insensitively() {
        assert!(is_kliento("Kliento QUI=") && is_kliento("kLIENTO   QUI="));
        for other in ["Klientos QUI=", "Klient QUI=", "Bearer Kliento", "KlientoQUI=", ""] {
            assert!(!is_kliento(other), "{other}");
        }
        assert_eq!(token68(b"Kliento   QUI= x"), b"QUI= x");
        assert_eq!(token68(b"Kliento"), b"");
    }

    #[test]
    fn rejects_multiple_headers() {
        for values in [["Kliento QUI=", "Kliento QUI="], ["Bearer x", "Kliento QUI="]] {
            let headers = headers(&values);
            let found = Credentials::from_headers(&headers);
            assert!(matches!(found, Err(Rejection::MultipleCredentials)));
        }
    }

    #[test]
    fn rejects_oversized_credentials() {
        let largest = format!("Kliento {}", "A".repeat(MAX_CHARACTERS));
        assert!(is_kliento(&largest));
        let headers = headers(&[&format!("{largest}A")]);
        let rejected = Credentials::from_headers(&headers).err().unwrap();
        assert_eq!(rejected.reason(), "authorization-too-long");
    }
}
