//! Which proxies are trusted, and what they report about the client.

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, Request};

use crate::forwarded::{forwarded, x_forwarded_for};
use crate::{ClientAddress, Nat64Prefix, NetworkError, PeerAddress, ProxyNetwork};

/// The networks of trusted proxies, and the header in which they report the client's address.
///
/// By default no proxy is trusted: the client's address is the peer address, and no header is read.
///
/// # Rules
/// - The header is read from its end, for as long as its addresses are those of trusted proxies.
///   The client's address is the last one that is not. Clients can forge everything before it.
/// - Only the header that you choose is read. Proxies pass the other one through unchanged.
/// - If a trusted proxy reports no address (`unknown`, an identifier such as `_hidden`, or a
///   malformed value), the client's address is that of the proxy: the last one that is certain.
/// - Addresses and networks have one form: an IPv4 address that is embedded in an IPv6 address is
///   that IPv4 address ([`ClientAddress::new`]).
/// - Trusted proxies must append to the header or replace it. A proxy that passes it through
///   unchanged lets every client choose its address.
///
/// # Examples
/// ```
/// use http::HeaderMap;
/// use http_guard::{ForwardingHeader, TrustedProxies};
///
/// let headers: HeaderMap = HeaderMap::from_iter([(
///     "x-forwarded-for".parse()?,
///     "203.0.113.9, 198.51.100.7, 10.0.0.2".parse()?,
/// )]);
///
/// let none = TrustedProxies::none();
/// assert_eq!(none.client_address("10.0.0.1".parse()?, &headers).to_string(), "10.0.0.1");
///
/// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8".parse()?]);
/// assert_eq!(proxies.client_address("10.0.0.1".parse()?, &headers).to_string(), "198.51.100.7");
/// // A peer that is not a trusted proxy is the client.
/// assert_eq!(proxies.client_address("192.0.2.1".parse()?, &headers).to_string(), "192.0.2.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    header: Option<ForwardingHeader>,
    networks: Vec<ProxyNetwork>,
    prefixes: Vec<Nat64Prefix>,
}

/// The header in which proxies report the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// The parameter `for` of `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`: a list of addresses, with or without ports.
    XForwardedFor,
}

/// The address that a proxy reports: `None` if it reports none.
pub(crate) type Hop = Option<IpAddr>;

impl TrustedProxies {
    /// Trusts no proxy.
    #[must_use]
    pub const fn none() -> Self {
        Self { header: None, networks: Vec::new(), prefixes: Vec::new() }
    }

    /// Trusts the proxies in these networks, which report the client's address in this header.
    pub fn new(header: ForwardingHeader, networks: impl IntoIterator<Item = ProxyNetwork>) -> Self {
        let networks = networks.into_iter().collect();
        Self { header: Some(header), networks, prefixes: Vec::new() }
    }

    /// Sets the prefixes with which your own network translates IPv4 addresses; none by default.
    ///
    /// An address with such a prefix is the IPv4 address that is embedded in it, in peer addresses,
    /// in the header, and in the networks of proxies. The prefixes that standards define need no
    /// setting: see [`ClientAddress::new`].
    ///
    /// # Errors
    /// [`NetworkError::ContainsIpv4`] if all IPv4 addresses are embedded in a network of proxies.
    pub fn with_nat64_prefixes(
        mut self,
        prefixes: impl IntoIterator<Item = Nat64Prefix>,
    ) -> Result<Self, NetworkError> {
        self.prefixes = prefixes.into_iter().collect();
        for network in &mut self.networks {
            *network = network.canonical_with(&self.prefixes)?;
        }
        Ok(self)
    }

    /// Returns whether nothing is configured: the client's address is the peer address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.prefixes.is_empty()
    }

    /// Returns whether the proxy at this address is trusted.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let canonical = self.canonical(address).ip();
        self.networks.iter().any(|network| network.contains(address, canonical))
    }

    /// Returns the address that an outer layer put into the extensions of a request, else the one
    /// that follows from the peer address and the header; `None` if the server does not provide the
    /// peer address.
    #[must_use]
    pub fn find_client_address<B>(&self, request: &Request<B>) -> Option<ClientAddress> {
        if let Some(found) = request.extensions().get::<ClientAddress>() {
            return Some(self.canonical(found.ip()));
        }
        let peer = PeerAddress::from_extensions(request.extensions())?;
        Some(self.client_address(peer, request.headers()))
    }

    /// Returns the client's address that follows from the peer address and a request's headers.
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut known = self.canonical(peer);
        let Some(header) = self.header.filter(|_| self.contains(peer)) else { return known };
        // From proxy to proxy, for as long as they are trusted and report an address. Later lines
        // were written later (RFC 9110, 5.3).
        for line in headers.get_all(header.name()).iter().rev() {
            for hop in header.hops(line.as_bytes()) {
                let Some(address) = hop else { return known };
                known = self.canonical(address);
                if !self.contains(address) {
                    return known;
                }
            }
        }
        known
    }

    /// Returns the canonical form of an address, with these prefixes.
    pub(crate) fn canonical(&self, address: IpAddr) -> ClientAddress {
        ClientAddress::with_prefixes(address, &self.prefixes)
    }
}

impl ForwardingHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::Forwarded => FORWARDED,
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        }
    }

    /// The hops of a line, the nearest first.
    fn hops(self, line: &[u8]) -> Box<dyn Iterator<Item = Hop> + '_> {
        match self {
            Self::Forwarded => Box::new(forwarded(line)),
            Self::XForwardedFor => Box::new(x_forwarded_for(line)),
        }
    }
}
