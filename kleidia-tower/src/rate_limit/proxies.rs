//! Which proxies are believed, and what they say of who is in front of them.

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, Request};
use ipnet::IpNet;

use super::forwarded::{forwarded, x_forwarded_for};
use super::{ClientAddress, PeerAddress};

/// The proxies that are believed, by their networks, and the header in which they tell who is in
/// front of them.
///
/// By default none is: the client is the other end of the connection, and no header is read.
///
/// # Rules
/// - The header is read from its end, and only as far as what wrote it is trusted: the client is
///   the last address that is not a trusted proxy's. What stands before it, anybody can write.
/// - Only the header that you choose is read. Proxies hand the other one through as it came.
/// - Where a trusted proxy tells no address (`unknown`, an identifier such as `_hidden`, or what
///   can't be read), the client is that proxy: the last address that is known to be true.
/// - Trusted proxies have to write the header themselves, in addition to what is there or in its
///   place: one that hands it through makes everybody's word good.
///
/// # Examples
/// ```
/// use http::HeaderMap;
/// use kleidia_tower::rate_limit::{ForwardingHeader, TrustedProxies};
///
/// let headers: HeaderMap = HeaderMap::from_iter([(
///     "x-forwarded-for".parse()?,
///     "203.0.113.9, 198.51.100.7, 10.0.0.2".parse()?,
/// )]);
///
/// let nobody = TrustedProxies::none();
/// assert_eq!(nobody.client_address("10.0.0.1".parse()?, &headers).to_string(), "10.0.0.1");
///
/// let ours = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8".parse()?]);
/// assert_eq!(ours.client_address("10.0.0.1".parse()?, &headers).to_string(), "198.51.100.7");
/// // Who does not come through them is not believed.
/// assert_eq!(ours.client_address("192.0.2.1".parse()?, &headers).to_string(), "192.0.2.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Option<Trust>);

#[derive(Clone, Debug)]
struct Trust {
    header: ForwardingHeader,
    networks: Vec<IpNet>,
}

/// Where proxies tell who is in front of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `Forwarded`, by its parameter `for` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`: addresses, with commas between, with or without ports.
    XForwardedFor,
}

/// Who was in front of a proxy, as it tells: `None` if it does not.
pub(super) type Hop = Option<IpAddr>;

impl TrustedProxies {
    /// No proxy is trusted.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// The proxies in these networks are, and tell who is in front of them in this header.
    pub fn new(header: ForwardingHeader, networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Some(Trust { header, networks: networks.into_iter().collect() }))
    }

    pub(super) const fn are_none(&self) -> bool {
        self.0.is_none()
    }

    /// What an outer layer found, or what the server and the proxies tell.
    pub(super) fn client_address_of<B>(&self, request: &Request<B>) -> Option<ClientAddress> {
        let found = request.extensions().get().copied();
        found.or_else(|| {
            let peer = PeerAddress::of(request.extensions())?;
            Some(self.client_address(peer, request.headers()))
        })
    }

    /// The client's address, of the other end of the connection and a request's headers.
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = ClientAddress::new(peer);
        match &self.0 {
            Some(trust) if trust.covers(peer) => trust.in_front_of(peer, headers),
            _ => peer,
        }
    }
}

impl Trust {
    fn covers(&self, address: ClientAddress) -> bool {
        self.networks.iter().any(|network| network.contains(&address.ip()))
    }

    /// Goes from proxy to proxy, for as long as they are trusted and tell more.
    fn in_front_of(&self, proxy: ClientAddress, headers: &HeaderMap) -> ClientAddress {
        let mut known = proxy;
        // Later lines were written later (RFC 9110, 5.3).
        for line in headers.get_all(self.header.name()).iter().rev() {
            for hop in self.header.hops(line.as_bytes()) {
                let Some(address) = hop else { return known };
                known = ClientAddress::new(address);
                if !self.covers(known) {
                    return known;
                }
            }
        }
        known
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
