//! Origins of web pages, as browsers serialise them.

use std::net::Ipv6Addr;
use std::str::FromStr;

use http::uri::Scheme;
use http::{HeaderValue, Uri};

/// The origin of a web page: scheme, host, and port unless it is the default (RFC 6454, 6.2).
///
/// It is compared octet by octet with the `Origin` header. So only the form that browsers send is
/// valid: lower case, without a path and without the default port. `null` and `*` are invalid.
///
/// ```
/// use kleidia_tower::agent::WebOrigin;
///
/// assert!("https://portal.example".parse::<WebOrigin>().is_ok());
/// assert!("http://127.0.0.1:8080".parse::<WebOrigin>().is_ok());
/// assert!("https://portal.example/".parse::<WebOrigin>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

/// An error from parsing a [`WebOrigin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid origin {text:?}, expected a URL such as https://portal.example")]
pub struct WebOriginError {
    /// The invalid text.
    pub text: String,
}

impl WebOrigin {
    pub(crate) const fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

impl FromStr for WebOrigin {
    type Err = WebOriginError;

    fn from_str(text: &str) -> Result<Self, WebOriginError> {
        let uri = text.parse::<Uri>().ok();
        let is_canonical =
            uri.and_then(|uri| canonicalise(&uri)).is_some_and(|origin| origin == text);
        let value = HeaderValue::from_str(text).ok().filter(|_| is_canonical);
        value.map(Self).ok_or_else(|| WebOriginError { text: text.to_owned() })
    }
}

fn canonicalise(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme()?;
    let default_port = match scheme {
        scheme if *scheme == Scheme::HTTPS => 443,
        scheme if *scheme == Scheme::HTTP => 80,
        _ => return None,
    };
    let host = uri.host().filter(|host| is_host(host))?.to_ascii_lowercase();
    match uri.port_u16().filter(|port| *port != default_port) {
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => Some(format!("{scheme}://{host}")),
    }
}

/// Returns whether the host is an IP address or a domain name. Browsers send no other host.
fn is_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_name_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
    match address {
        Some(address) => {
            address.parse().is_ok_and(|parsed: Ipv6Addr| parsed.to_string() == address)
        }
        None => !host.is_empty() && host.bytes().all(is_name_octet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_origins_of_browsers() {
        for text in [
            "https://portal.example",
            "https://portal.example:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(text.parse::<WebOrigin>().unwrap().as_header(), text);
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in [
            "",
            "*",
            "null",
            "portal.example",
            "https://*",
            "https://",
            "https://:443",
            "https://*.portal.example",
            "http://[0:0:0:0:0:0:0:1]:8080",
            "http://[::1",
            "https://portal.example/",
            "https://portal.example?x",
            "https://portal.example#x",
            "https://portal.example:443",
            "https://portal.example:",
            "http://portal.example:080",
            "https://Portal.example",
            "HTTPS://portal.example",
            "https://user@portal.example",
            "https://b\u{fc}cher.example",
            "file:///portal",
            "ws://portal.example",
            "https://portal.example https://other.example",
            "https://portal.example\r\nX: y",
        ] {
            let text = text.to_owned();
            assert_eq!(text.parse::<WebOrigin>(), Err(WebOriginError { text }));
        }
    }
}
