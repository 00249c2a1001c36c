//! The addresses of the peer and of the client.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Extensions;

use crate::Nat64Prefix;
use crate::canonical_address::{canonical, canonical_with};

/// The address of the client that sent a request.
///
/// Behind proxies, a layer finds it by [`TrustedProxies`](crate::TrustedProxies) and puts it into
/// the extensions of the request. Inner layers and handlers then use the same address.
///
/// ```
/// use http_guard::ClientAddress;
///
/// let mapped: std::net::IpAddr = "::ffff:192.0.2.1".parse()?;
/// assert_eq!(ClientAddress::new(mapped).to_string(), "192.0.2.1");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

/// The peer address of a connection.
///
/// Put it into the extensions of each request if your server does not. Axum's
/// `ConnectInfo<SocketAddr>` is read as well (feature `connect-info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(
    /// The address and the port.
    pub SocketAddr,
);

impl ClientAddress {
    /// The address, as your own layer found it.
    ///
    /// An IPv6 address that embeds an IPv4 address becomes the IPv4 address, so that a client has
    /// the same address whichever way it takes: IPv4-mapped addresses (RFC 4291, 2.5.5.2), those of
    /// SIIT (RFC 7915), and those of NAT64 with the well-known prefix (RFC 6052) or a local-use one
    /// (RFC 8215), whose length is inferred from the address.
    /// [`TrustedProxies::with_nat64_prefixes`](crate::TrustedProxies::with_nat64_prefixes) adds
    /// prefixes of your own, and makes that length certain.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(canonical(address))
    }

    /// The address in a network with prefixes of its own.
    pub(crate) fn with_prefixes(address: IpAddr, prefixes: &[Nat64Prefix]) -> Self {
        Self(canonical_with(prefixes, address))
    }

    /// Returns the address that an outer layer put into the extensions of a request, else the peer
    /// address, or `None` if the server does not provide it.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        let found = extensions.get().copied();
        found.or_else(|| PeerAddress::from_extensions(extensions).map(Self::new))
    }

    /// Returns the address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// Returns the key under which to count a client: the same for all addresses that one host can
    /// use.
    ///
    /// An IPv4 address has its own. IPv6 addresses have one for each network of 64 bits (RFC 4291,
    /// 2.5.4).
    ///
    /// ```
    /// use http_guard::ClientAddress;
    ///
    /// let key = |text: &str| text.parse().map(|address| ClientAddress::new(address).network_key());
    /// assert_eq!(key("2001:db8::1")?, key("2001:db8::ffff:1")?);
    /// assert_ne!(key("2001:db8::1")?, key("2001:db8:0:1::1")?);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn network_key(self) -> u128 {
        match self.0 {
            // It ends in ones and the address, IPv6 networks end in zeros: they never collide.
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
    /// Returns the peer address of a request's connection, or `None` if the server does not provide
    /// it.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<IpAddr> {
        if let Some(Self(peer)) = extensions.get() {
            return Some(peer.ip());
        }
        #[cfg(feature = "connect-info")]
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
    fn hosts_have_distinct_network_keys() {
        let key = |address: &str| ClientAddress::new(address.parse().unwrap()).network_key();
        for (first, second, is_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "64:ff9b::192.0.2.1", true),
            ("192.0.2.1", "::ffff:0:192.0.2.1", true),
            ("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", false),
            ("0.0.0.0", "::", false),
            ("0.0.0.1", "::1", false),
        ] {
            assert_eq!(key(first) == key(second), is_same, "{first} and {second}");
        }
    }

    #[test]
    fn prefers_address_of_outer_layer() {
        let mut extensions = Extensions::new();
        assert_eq!(ClientAddress::from_extensions(&extensions), None);
        #[cfg(feature = "connect-info")]
        {
            let peer: SocketAddr = "192.0.2.3:4711".parse().unwrap();
            extensions.insert(axum::extract::ConnectInfo(peer));
            let found = ClientAddress::from_extensions(&extensions).unwrap();
            assert_eq!(found.to_string(), "192.0.2.3");
        }
        extensions.insert(PeerAddress("[::ffff:192.0.2.1]:4711".parse().unwrap()));
        let found = ClientAddress::from_extensions(&extensions).unwrap();
        assert_eq!(found.to_string(), "192.0.2.1");
        extensions.insert(ClientAddress::new("192.0.2.2".parse().unwrap()));
        let found = ClientAddress::from_extensions(&extensions).unwrap();
        assert_eq!(found.to_string(), "192.0.2.2");
    }
}
