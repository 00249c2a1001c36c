//! The `Authorization` header of a request (RFC 9110, 11.6.2; RFC 6750, 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Rejection;

/// What the header holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials<'a> {
    /// Nothing.
    None,
    /// A bearer token.
    Bearer(&'a str),
    /// Something of another scheme.
    Other(&'a [u8]),
}

impl<'a> Credentials<'a> {
    /// How long a token may be, in octets; ours have a few hundred.
    const MAX_OCTETS: usize = 4096;

    /// Reads the header, of which there must be one at most.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, Rejection> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Self::None) };
        if values.next().is_some() {
            return Err(Rejection::MalformedCredentials);
        }
        let value = value.as_bytes();
        let end = value.iter().position(|octet| *octet == b' ').unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Ok(Self::Other(scheme));
        }
        let token = rest.trim_ascii_start();
        let token = str::from_utf8(token).ok().filter(|token| is_token68(token));
        token.map(Self::Bearer).ok_or(Rejection::MalformedCredentials)
    }
}

/// Whether a text is a `token68` (RFC 9110, 11.2), of a bearable length.
fn is_token68(text: &str) -> bool {
    let token = text.trim_end_matches('=');
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    !token.is_empty() && text.len() <= Credentials::MAX_OCTETS && token.bytes().all(is_of_it)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        Credentials::of(&headers).ok().map(|credentials| match credentials {
            Credentials::None => String::new(),
            Credentials::Bearer(token) => token.to_owned(),
            Credentials::Other(scheme) => format!("({})", String::from_utf8_lossy(scheme)),
        })
    }

    #[test]
    fn a_header_holds_one_token() {
        for (values, expected) in [
            (&[][..], Some("")),
            (&["Bearer abc.d-e_f"], Some("abc.d-e_f")),
            (&["bearer  abc=="], Some("abc==")),
            (&["Kliento abc"], Some("(Kliento)")),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Bearer a b"], None),
            (&["Bearer a,b"], None),
            (&["Bearer a=b"], None),
            (&["Bearer a", "Bearer b"], None),
            (&["Bearer a", "Kliento b"], None),
        ] {
            assert_eq!(read(values).as_deref(), expected, "{values:?}");
        }
    }
}
