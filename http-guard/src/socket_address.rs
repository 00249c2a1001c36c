//! Addresses to listen on or to connect to, also with the zone of an interface.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV6, ToSocketAddrs as _};

use crate::log_text;

/// An invalid address.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketAddressError {
    /// The text is not an IP address with a port.
    Malformed(
        /// The text.
        String,
    ),
    /// The zone is not an interface of this system.
    UnknownZone {
        /// The name of the interface.
        zone: String,
        /// The error of the system.
        source: io::Error,
    },
}

/// Reads an IP address with a port. An IPv6 address can have a zone (RFC 4007, 11): the name or the
/// number of an interface, to which a link-local address belongs. Host names are not looked up.
///
/// ```
/// use http_guard::parse_socket_address;
///
/// assert_eq!(parse_socket_address("127.0.0.1:8080")?.port(), 8080);
/// assert!(parse_socket_address("[::1]:8080")?.is_ipv6());
/// # #[cfg(target_os = "linux")]
/// assert!(parse_socket_address("[fe80::1%lo]:8080")?.is_ipv6());
/// assert!(parse_socket_address("localhost:8080").is_err());
/// # Ok::<(), http_guard::SocketAddressError>(())
/// ```
///
/// # Errors
/// [`SocketAddressError`] if the text has another form, or the zone is unknown.
pub fn parse_socket_address(text: &str) -> Result<SocketAddr, SocketAddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let malformed = || SocketAddressError::Malformed(text.to_owned());
    let (start, rest) = text.split_once('%').ok_or_else(malformed)?;
    let (zone, end) = rest.split_once(']').ok_or_else(malformed)?;
    let address = format!("{start}]{end}").parse::<SocketAddrV6>().map_err(|_| malformed())?;
    if zone.is_empty() {
        return Err(malformed());
    }
    // Only the system knows the numbers of interfaces.
    let host = format!("{}%{zone}", address.ip());
    let unknown = |source| SocketAddressError::UnknownZone { zone: zone.to_owned(), source };
    let resolved = (host.as_str(), address.port()).to_socket_addrs().map_err(unknown)?.next();
    resolved.ok_or_else(malformed)
}

impl fmt::Display for SocketAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(
                f,
                "invalid address: expected an IP address and a port, such as 127.0.0.1:8080 or \
                 [fe80::1%eth0]:8080, found {:?}",
                log_text(text)
            ),
            Self::UnknownZone { zone, source } => {
                write!(f, "unknown zone {:?} of the address: {source}", log_text(zone))
            }
        }
    }
}

impl Error for SocketAddressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(_) => None,
            Self::UnknownZone { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_with_ports() {
        for text in ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[fe80::1%7]:65535"] {
            assert_eq!(parse_socket_address(text).unwrap().to_string(), text);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn reads_zones() {
        // The loopback interface has the number 1 on Linux.
        for text in ["[fe80::1%lo]:8080", "[FE80:0::1%lo]:8080", "[fe80::1%1]:8080"] {
            let address = parse_socket_address(text).unwrap();
            assert_eq!(address.to_string(), "[fe80::1%1]:8080", "{text}");
        }
        for zone in ["none", "lo%lo", "\0", "lo "] {
            let error = parse_socket_address(&format!("[fe80::1%{zone}]:8080")).unwrap_err();
            assert!(matches!(error, SocketAddressError::UnknownZone { .. }), "{error}");
        }
    }

    #[test]
    fn rejects_other_text() {
        for text in [
            "",
            "127.0.0.1",
            "[::1]",
            "::1:8080",
            "localhost:8080",
            "127.0.0.1%lo:8080",
            "[127.0.0.1%lo]:8080",
            "[localhost%lo]:8080",
            "[fe80::1%]:8080",
            "[fe80::1%lo]",
            "[fe80::1%lo]:",
            "[fe80::1%lo]:65536",
            "[fe80::1%lo]8080",
            "fe80::1%lo:8080",
            "%",
            "%]",
        ] {
            let error = parse_socket_address(text).unwrap_err();
            assert!(matches!(error, SocketAddressError::Malformed(_)), "{text}: {error}");
        }
    }
}
