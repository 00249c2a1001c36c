//! Origins of requests: scheme, host and port.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::Uri;

/// A scheme, a host and a port (RFC 6454); the port defaults to the scheme's.
///
/// Hosts are compared case-insensitively. An internationalised name must be given in A-labels.
///
/// ```
/// use kliento_tower::client::Origin;
///
/// let origin: Origin = "https://API.example.com:443".parse()?;
/// assert_eq!(origin.to_string(), "https://api.example.com:443");
/// assert!(origin.matches("https", "api.example.com", None));
/// assert!(!origin.matches("http", "api.example.com", None));
/// # Ok::<(), kliento_tower::client::OriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    is_https: bool,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    /// A name in lower case.
    Name(String),
    /// An address, since it has several textual forms.
    Address(Ipv6Addr),
}

/// An error from parsing an [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid origin {text:?}, expected a URL such as https://api.example.com")]
#[non_exhaustive]
pub struct OriginError {
    /// The text.
    pub text: String,
}

impl Origin {
    /// Returns the origin of a URL with this scheme, host and explicit port, as [`Self::matches`]
    /// takes them; `None` if the scheme is not `http` or `https`, or the host is invalid.
    #[must_use]
    pub fn from_parts(scheme: &str, host: &str, port: Option<u16>) -> Option<Self> {
        let (is_https, host) = (is_https(scheme)?, parse_host(host)?);
        Some(Self { is_https, host, port: port.unwrap_or(default_port(is_https)) })
    }

    /// Returns whether a URL with this scheme, host and explicit port has this origin.
    ///
    /// The host is in URL form: an IPv6 address is in brackets.
    #[must_use]
    pub fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Some(is_https) = is_https(scheme) else { return false };
        let has_host = match &self.host {
            Host::Name(name) => name.eq_ignore_ascii_case(host),
            Host::Address(address) => parse_address(host).as_ref() == Some(address),
        };
        has_host && is_https == self.is_https && port.unwrap_or(default_port(is_https)) == self.port
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let origin = text.parse().ok().and_then(|uri: Uri| parse(&uri));
        origin.ok_or_else(|| OriginError { text: text.to_owned() })
    }
}

/// Always includes the port.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        match &self.host {
            Host::Name(name) => write!(f, "{scheme}://{name}:{}", self.port),
            Host::Address(address) => write!(f, "{scheme}://[{address}]:{}", self.port),
        }
    }
}

fn parse(uri: &Uri) -> Option<Origin> {
    let (authority, port) = (uri.authority()?, uri.port_u16());
    let host = authority.host();
    // User information or an invalid port must not be dropped silently.
    let written = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if authority.as_str() != written || uri.path() != "/" || uri.query().is_some() {
        return None;
    }
    Origin::from_parts(uri.scheme_str()?, host, port)
}

fn parse_host(host: &str) -> Option<Host> {
    if host.starts_with('[') {
        return parse_address(host).map(Host::Address);
    }
    (!host.is_empty()).then(|| Host::Name(host.to_ascii_lowercase()))
}

fn is_https(scheme: &str) -> Option<bool> {
    let is_https = scheme.eq_ignore_ascii_case("https");
    (is_https || scheme.eq_ignore_ascii_case("http")).then_some(is_https)
}

const fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

fn parse_address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn normalises_ports_and_case() {
        assert_eq!(origin("https://a.example"), origin("HTTPS://A.example:443/"));
        assert_eq!(origin("http://[::1]"), origin("http://[0:0:0:0:0:0:0:1]:80"));
        assert_ne!(origin("https://a.example"), origin("http://a.example"));
        assert_ne!(origin("https://a.example"), origin("https://a.example:80"));
        assert_ne!(origin("https://a.example"), origin("https://a.example."));
    }

    #[test]
    fn matches_only_the_same_origin() {
        let name = origin("https://a.example");
        assert!(name.matches("HTTPS", "A.EXAMPLE", Some(443)));
        for (scheme, host, port) in [
            ("wss", "a.example", None),
            ("https", "b.a.example", None),
            ("https", "a.example", Some(80)),
            ("http", "a.example", Some(443)),
            ("https", "", None),
        ] {
            assert!(!name.matches(scheme, host, port), "{scheme} {host} {port:?}");
        }
        let address = origin("http://[::1]:8080");
        assert!(address.matches("http", "[0::1]", Some(8080)));
        assert!(!address.matches("http", "::1", Some(8080)));
    }

    #[test]
    fn has_the_origin_of_its_parts() {
        let parts = |host, port| Origin::from_parts("HTTPS", host, port);
        assert_eq!(parts("A.example", None), Some(origin("https://a.example")));
        assert_eq!(parts("[::1]", Some(8443)), Some(origin("https://[0::1]:8443")));
        assert_eq!(parts("", None), None);
        assert_eq!(Origin::from_parts("wss", "a.example", None), None);
    }

    #[test]
    fn rejects_invalid_origins() {
        for text in [
            "",
            "a.example",
            "/path",
            "//a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/path",
            "https://a.example?query",
            "https://user@a.example",
            "https://a.example:",
            "https://a.example:0443",
            "https://a.example:65536",
            "https://[::g]",
            "https://b\u{fc}cher.example",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError { text: text.to_owned() }));
        }
    }
}
