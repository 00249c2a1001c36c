//! Whose address a request comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Extensions;

/// The address of the client: limits, sessions and audit [go by](Self::of) the same one.
///
/// Where proxies are trusted, [`RateLimitLayer`](super::RateLimitLayer) puts it into the extensions
/// of requests. One that is there already, it takes as it is.
///
/// ```
/// use kleidia_tower::rate_limit::ClientAddress;
///
/// let mapped: std::net::IpAddr = "::ffff:192.0.2.1".parse()?;
/// assert_eq!(ClientAddress::new(mapped).to_string(), "192.0.2.1");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

/// The other end of the connection, for servers that are not axum's: put it into the extensions of
/// each request.
///
/// axum's `ConnectInfo<SocketAddr>` does as well, with feature `axum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

impl ClientAddress {
    /// The address, as your own layer found it.
    ///
    /// An IPv4 address that is mapped into IPv6 is the IPv4 address (RFC 4291, 2.5.5.2).
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// What an outer layer put into a request's extensions, or else the other end of the connection;
    /// `None` if the server does not tell it.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let found = extensions.get().copied();
        found.or_else(|| PeerAddress::of(extensions).map(Self::new))
    }

    /// The address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, all of which one
    /// host can have (RFC 4291, 2.5.4).
    pub(crate) const fn network_key(self) -> u128 {
        match self.0 {
            // It ends in ones and the address, where networks end in zeros: the two never meet.
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & !(u64::MAX as u128),
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PeerAddress {
    /// The other end of a request's connection, if the server told.
    pub(crate) fn of(extensions: &Extensions) -> Option<IpAddr> {
        if let Some(Self(peer)) = extensions.get() {
            return Some(peer.ip());
        }
        #[cfg(feature = "axum")]
        if let Some(axum::extract::ConnectInfo(peer)) =
            extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
        {
            return Some(peer.ip());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_client() {
        let host = |address: &str| ClientAddress::new(address.parse().unwrap()).network_key();
        for (one, other, is_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("0.0.0.0", "::", false),
            ("0.0.0.1", "::1", false),
        ] {
            assert_eq!(host(one) == host(other), is_same, "{one} and {other}");
        }
    }
}
