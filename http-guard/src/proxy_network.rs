//! Networks of proxies, in the canonical form of their addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::canonical_address::{
    LOCAL_NAT64, MAPPED, NAT64, TRANSLATED, canonical, extract, known_prefix, own_prefix,
};
use crate::{Nat64Prefix, NetworkError};

/// A network of proxies, or a single one: `10.0.0.0/8`, `10.0.0.1`, `2001:db8::/64`.
///
/// Networks of embedded IPv4 addresses, such as `::ffff:10.0.0.0/104`, are those IPv4 networks. A
/// network that contains all embedded addresses and others, such as `::/0`, is an error: name the
/// IPv4 networks.
///
/// Within `64:ff9b:1::/48` (RFC 8215), the length of your NAT64 prefix is unknown: 48 bits are
/// assumed, or 96 if that is certain. Such a network also contains the addresses as they are
/// written. With another length, name the IPv4 networks, or set the prefix by
/// [`with_nat64_prefixes`](crate::TrustedProxies::with_nat64_prefixes).
///
/// ```
/// use http_guard::ProxyNetwork;
///
/// let network: ProxyNetwork = "::ffff:10.0.0.0/104".parse()?;
/// assert_eq!(network.to_string(), "10.0.0.0/8");
/// assert_eq!("192.0.2.1".parse::<ProxyNetwork>()?.to_string(), "192.0.2.1/32");
/// # Ok::<(), http_guard::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork {
    given: IpNet,
    canonical: IpNet,
}

impl ProxyNetwork {
    /// Returns whether the network contains an address, in its canonical form or as it is written.
    ///
    /// Within `64:ff9b:1::/48`, neither a network nor an address shows for certain how long the
    /// prefix is, so their canonical forms can differ.
    pub(crate) fn contains(&self, address: IpAddr, canonical: IpAddr) -> bool {
        self.canonical.contains(&canonical) || self.given.contains(&address)
    }

    /// Returns the canonical form in a network with prefixes of its own.
    pub(crate) fn canonical_with(self, prefixes: &[Nat64Prefix]) -> Result<Self, NetworkError> {
        let IpNet::V6(network) = self.given else { return Ok(self) };
        if prefixes.iter().any(|prefix| network.contains(&prefix.network())) {
            return Err(NetworkError::ContainsIpv4);
        }
        let Some(prefix) = own_prefix(prefixes, network.network()) else { return Ok(self) };
        let embedded = embedded_network(network, prefix);
        Ok(Self { canonical: embedded.map_or(self.given, IpNet::V4), ..self })
    }
}

/// Returns the IPv4 network that is embedded behind a prefix of this length, unless it has all
/// addresses.
fn embedded_network(network: Ipv6Net, prefix: u8) -> Option<Ipv4Net> {
    let length = network.prefix_len();
    // The octet `u` is no part of the IPv4 address.
    let octet_u = if prefix < 96 { length.clamp(64, 72) - 64 } else { 0 };
    let ipv4_length = length.checked_sub(prefix)?.saturating_sub(octet_u).min(32);
    let address = extract(network.network().to_bits(), prefix)?;
    if ipv4_length == 0 { None } else { Ipv4Net::new(address, ipv4_length).ok() }
}

/// Returns whether a network contains all addresses with a well-known prefix, or with one of 96
/// bits within the local-use prefix.
fn contains_known_prefix(network: Ipv6Net) -> bool {
    let bits = network.network().to_bits();
    if bits >> 80 == LOCAL_NAT64 && network.prefix_len() == 96 && (bits << 64) == 0 {
        return true;
    }
    let prefixes =
        [(MAPPED << 32, 96), (TRANSLATED << 32, 96), (NAT64 << 32, 96), (LOCAL_NAT64 << 80, 48)];
    prefixes.into_iter().any(|(bits, length)| {
        network.prefix_len() <= length && network.contains(&Ipv6Addr::from_bits(bits))
    })
}

impl From<IpAddr> for ProxyNetwork {
    fn from(address: IpAddr) -> Self {
        Self { given: address.into(), canonical: canonical(address).into() }
    }
}

impl TryFrom<IpNet> for ProxyNetwork {
    type Error = NetworkError;

    fn try_from(network: IpNet) -> Result<Self, NetworkError> {
        let given = network.trunc();
        let IpNet::V6(ipv6) = given else { return Ok(Self { given, canonical: given }) };
        let (bits, length) = (ipv6.network().to_bits(), ipv6.prefix_len());
        if bits >> 32 == MAPPED && length == 96 {
            return Ok(Self { given, canonical: IpNet::V4(Ipv4Net::default()) });
        }
        if contains_known_prefix(ipv6) {
            return Err(NetworkError::ContainsIpv4);
        }
        let embedded = known_prefix(bits).and_then(|prefix| embedded_network(ipv6, prefix));
        Ok(Self { given, canonical: embedded.map_or(given, IpNet::V4) })
    }
}

impl FromStr for ProxyNetwork {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        text.parse::<IpNet>().map_err(|_| NetworkError::Malformed)?.try_into()
    }
}

impl fmt::Display for ProxyNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.canonical.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_the_form_of_their_addresses() {
        for (network, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:10.0.0.0/104", "10.0.0.0/8"),
            ("64:ff9b::10.0.0.0/104", "10.0.0.0/8"),
            ("64:ff9b:1::10.0.0.1/128", "10.0.0.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            // Behind a prefix of 48 bits.
            ("64:ff9b:1:a00::/56", "10.0.0.0/8"),
            ("64:ff9b:1:a00:0:500::/88", "10.0.0.5/32"),
            ("64:ff9b:1:a00:0:500::/96", "10.0.0.5/32"),
            ("64:ff9b:1:7f00:0:900::/104", "127.0.0.9/32"),
            ("2001:db8::/64", "2001:db8::/64"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2000::/3", "2000::/3"),
        ] {
            assert_eq!(network.parse::<ProxyNetwork>().unwrap().to_string(), expected, "{network}");
        }
        for network in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "10.0.0.1:80"] {
            assert_eq!(network.parse::<ProxyNetwork>(), Err(NetworkError::Malformed), "{network}");
        }
        for network in [
            "::/0",
            "::/64",
            "64:ff9b::/32",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "64:ff9b:1:fffe::/96",
        ] {
            assert_eq!(
                network.parse::<ProxyNetwork>(),
                Err(NetworkError::ContainsIpv4),
                "{network}"
            );
        }
    }

    #[test]
    fn networks_behind_own_prefixes_are_ipv4() {
        for (prefix, network, expected) in [
            ("2001:db8:64::/96", "2001:db8:64::a00:0/104", "10.0.0.0/8"),
            ("2001:db8:1:2::/64", "2001:db8:1:2:7f:0:900::/104", "127.0.0.9/32"),
            ("2001:db8:1:2::/64", "2001:db8:1:2:a::/80", "10.0.0.0/8"),
            ("64:ff9b:1:5::/64", "64:ff9b:1:5:a::/80", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8:a00::/40", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8:a00:5::/64", "10.0.0.5/32"),
        ] {
            let parsed: ProxyNetwork = network.parse().unwrap();
            let canonical = parsed.canonical_with(&[prefix.parse().unwrap()]).unwrap();
            assert_eq!(canonical.to_string(), expected, "{network} behind {prefix}");
        }
        for network in ["2001:db8:1:2::/64", "2001:db8:1::/48"] {
            let parsed: ProxyNetwork = network.parse().unwrap();
            let outcome = parsed.canonical_with(&["2001:db8:1:2::/64".parse().unwrap()]);
            assert_eq!(outcome, Err(NetworkError::ContainsIpv4), "{network}");
        }
    }
}
