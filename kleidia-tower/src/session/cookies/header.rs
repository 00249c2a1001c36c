//! The `Cookie` header of requests (RFC 6265, 5.4), which may be several header lines in HTTP/2.

use http::HeaderMap;
use http::header::COOKIE;

/// What a request has of one cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundCookie<'a> {
    Missing,
    /// Its value, unchecked.
    One(&'a [u8]),
    /// Several of this name: the browser has one of another path, or of a host above this one.
    Several,
}

impl<'a> FoundCookie<'a> {
    /// Finds the cookie of this name, with regard to case.
    ///
    /// Octets are read rather than text: another cookie, which any host of the domain can set, must
    /// not hide this one by octets that are not ASCII.
    pub(crate) fn in_headers(headers: &'a HeaderMap, name: &str) -> Self {
        let lines = headers.get_all(COOKIE).iter().map(http::HeaderValue::as_bytes);
        let pairs = lines.flat_map(|line| line.split(|octet| *octet == b';'));
        let mut values = pairs.filter_map(|pair| value_of(pair, name.as_bytes()));
        match (values.next(), values.next()) {
            (None, _) => Self::Missing,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// Returns the value of a pair with this name.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = pair.trim_ascii_start().strip_prefix(name)?;
    Some(value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
}

/// Marks the `Cookie` header as [sensitive](http::HeaderValue::set_sensitive).
pub(crate) fn mark_cookies_sensitive(headers: &mut HeaderMap) {
    let values = headers.iter_mut().filter(|(name, _)| *name == COOKIE);
    values.for_each(|(_, value)| value.set_sensitive(true));
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn find(lines: &[&[u8]]) -> String {
        let line = |line: &&[u8]| (COOKIE, HeaderValue::from_bytes(line).unwrap());
        let headers = lines.iter().map(line).collect();
        match FoundCookie::in_headers(&headers, "__Host-a") {
            FoundCookie::Missing => "missing".to_owned(),
            FoundCookie::One(value) => String::from_utf8(value.to_vec()).unwrap(),
            FoundCookie::Several => "several".to_owned(),
        }
    }

    #[test]
    fn finds_one_cookie() {
        for lines in [
            &[&b"__Host-a=1"[..]][..],
            &[b"x=y; __Host-a=1; z"],
            &[b"x=y;__Host-a = 1\t;z=__Host-a"],
            &[b"x=y", b"__Host-a=1"],
            &[b"x=\xff\xfe; __Host-a=1"],
        ] {
            assert_eq!(find(lines), "1", "{lines:?}");
        }
        assert_eq!(find(&[b"__Host-a="]), "");
        assert_eq!(find(&[b"__Host-a=b=c"]), "b=c");
    }

    #[test]
    fn distinguishes_other_names() {
        for line in [&b"__host-a=1"[..], b"__Host-ab=1", b"a=1", b"x__Host-a=1", b"__Host-a", b""] {
            assert_eq!(find(&[line]), "missing");
        }
    }

    #[test]
    fn reports_several_cookies_of_a_name() {
        assert_eq!(find(&[b"__Host-a=1; __Host-a=1"]), "several");
        assert_eq!(find(&[b"__Host-a=1; x=y", b"z=1; __Host-a="]), "several");
        // A cookie without a name is sent as its value.
        assert_eq!(find(&[b"__Host-a=1; =x; __Host-a=2"]), "several");
    }
}
