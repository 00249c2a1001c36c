//! The canonical form of addresses: IPv4 addresses that are embedded in IPv6 are IPv4 addresses.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;

/// IPv4-mapped addresses, `::ffff:0:0/96` (RFC 4291, 2.5.5.2).
pub(crate) const MAPPED: u128 = 0xffff;
/// IPv4-translated addresses, `::ffff:0:0:0/96` (RFC 7915, SIIT).
pub(crate) const TRANSLATED: u128 = 0xffff_0000;
/// The well-known prefix of NAT64, `64:ff9b::/96` (RFC 6052, 2.1).
pub(crate) const NAT64: u128 = 0x0064_ff9b_0000_0000_0000_0000;
/// The local-use prefix of NAT64, `64:ff9b:1::/48` (RFC 8215).
pub(crate) const LOCAL_NAT64: u128 = 0x0064_ff9b_0001;

/// A prefix that a network uses to translate IPv4 addresses (RFC 6052, 2.2): NAT64, SIIT or
/// 464XLAT.
///
/// Its length is 32, 40, 48, 56, 64 or 96 bits.
///
/// ```
/// use http_guard::Nat64Prefix;
///
/// let prefix: Nat64Prefix = "2001:db8:64::/96".parse()?;
/// assert_eq!(prefix.to_string(), "2001:db8:64::/96");
/// assert!("2001:db8:64::/97".parse::<Nat64Prefix>().is_err());
/// # Ok::<(), http_guard::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat64Prefix(Ipv6Net);

/// An error from parsing a network or a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not an address, or a network in CIDR notation.
    Malformed,
    /// The prefix has no length of RFC 6052, or bits that are not zero behind it.
    InvalidPrefix,
    /// An IPv6 network in which all IPv4 addresses are embedded.
    ContainsIpv4,
}

/// Returns the canonical form of an address.
pub(crate) const fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match embedded(address.to_bits()) {
            Some(embedded) => IpAddr::V4(embedded),
            None => IpAddr::V6(address),
        },
        IpAddr::V4(_) => address,
    }
}

/// Returns the canonical form of an address in a network with prefixes of its own.
pub(crate) fn canonical_with(prefixes: &[Nat64Prefix], address: IpAddr) -> IpAddr {
    let IpAddr::V6(ipv6) = address else { return address };
    let embedded = own_prefix(prefixes, ipv6).and_then(|length| extract(ipv6.to_bits(), length));
    embedded.map_or_else(|| canonical(address), IpAddr::V4)
}

pub(crate) fn own_prefix(prefixes: &[Nat64Prefix], address: Ipv6Addr) -> Option<u8> {
    let prefix = prefixes.iter().find(|prefix| prefix.0.contains(&address));
    prefix.map(|prefix| prefix.0.prefix_len())
}

const fn embedded(bits: u128) -> Option<Ipv4Addr> {
    match known_prefix(bits) {
        Some(length) => extract(bits, length),
        None => None,
    }
}

/// Returns the length of the prefix behind which an IPv4 address is embedded, if it is well known.
pub(crate) const fn known_prefix(bits: u128) -> Option<u8> {
    if matches!(bits >> 32, MAPPED | TRANSLATED | NAT64) {
        return Some(96);
    }
    if bits >> 80 == LOCAL_NAT64 { Some(local_prefix_length(bits)) } else { None }
}

/// Returns the length of the prefix that a network has chosen within [`LOCAL_NAT64`], as far as an
/// address shows it: what follows the IPv4 address is zero (RFC 6052, 2.2), and so is, in all
/// likelihood, what comes before it.
const fn local_prefix_length(bits: u128) -> u8 {
    if field(bits, 72, 96) == 0 && field(bits, 96, 128) != 0 {
        96
    } else if field(bits, 88, 128) == 0 {
        48
    } else if field(bits, 96, 128) == 0 {
        56
    } else if field(bits, 104, 128) == 0 {
        64
    } else {
        96
    }
}

/// Returns the bits from `first` to before `end`, counted from the most significant one.
const fn field(bits: u128, first: u32, end: u32) -> u128 {
    (bits << first) >> (128 + first - end)
}

/// Returns the IPv4 address behind a prefix (RFC 6052, 2.2); `None` if the octet `u` is not zero.
pub(crate) const fn extract(bits: u128, length: u8) -> Option<Ipv4Addr> {
    if length == 96 {
        return Some(ipv4(bits));
    }
    if field(bits, 64, 72) != 0 {
        return None;
    }
    // Without the octet `u`, the address is in one piece.
    let joined = (field(bits, 0, 64) << 56) | field(bits, 72, 128);
    Some(ipv4(joined >> (120 - 32 - length as u32)))
}

/// Returns the address in the lowest 32 bits.
const fn ipv4(bits: u128) -> Ipv4Addr {
    let [.., a, b, c, d] = bits.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

impl Nat64Prefix {
    pub(crate) fn network(&self) -> Ipv6Addr {
        self.0.network()
    }
}

impl FromStr for Nat64Prefix {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network: Ipv6Net = text.parse().map_err(|_| NetworkError::Malformed)?;
        let is_length = matches!(network.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96);
        let has_octet_u = field(network.addr().to_bits(), 64, 72) != 0;
        if !is_length || has_octet_u || network.trunc() != network {
            return Err(NetworkError::InvalidPrefix);
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "expected an address or a network such as 10.0.0.0/8",
            Self::ContainsIpv4 => {
                "the network contains embedded IPv4 addresses: name the IPv4 networks instead"
            }
            Self::InvalidPrefix => {
                "expected an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits such as 2001:db8:64::/96"
            }
        })
    }
}

impl Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_addresses_are_ipv4() {
        for address in [
            "::ffff:192.0.2.33",
            "::ffff:0:192.0.2.33",
            "64:ff9b::192.0.2.33",
            "64:ff9b:1::192.0.2.33",
            "64:ff9b:1:fffe::192.0.2.33",
            // The local-use prefix itself, and longer ones: the lengths of RFC 6052, 2.4.
            "64:ff9b:1:c000:2:2100::",
            "64:ff9b:1:aac0:0:221::",
            "64:ff9b:1:aaaa:c0:2:2100::",
        ] {
            let canonical = canonical(address.parse().unwrap());
            assert_eq!(canonical.to_string(), "192.0.2.33", "{address}");
        }
        for address in ["::1", "::", "2001:db8::192.0.2.33", "64:ff9b:2::192.0.2.33", "fe80::1"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(canonical(address), address);
        }
    }

    /// The length of a local-use prefix is inferred, which a prefix of one's own corrects.
    #[test]
    fn local_prefixes_can_be_set() {
        for (prefix, address, inferred, embedded) in [
            ("64:ff9b:1:aa00::/56", "64:ff9b:1:aa0a:1:200::", "170.10.1.2", "10.1.2.0"),
            ("64:ff9b:1:aa::/64", "64:ff9b:1:aa:a:100::", "0.170.10.1", "10.1.0.0"),
            ("64:ff9b:1:aa:1:2::/96", "64:ff9b:1:aa:1:2:a00:1", "10.0.0.1", "10.0.0.1"),
            ("64:ff9b:1:aa:1:2::/96", "64:ff9b:1:aa:1:2:a00:0", "1.0.2.10", "10.0.0.0"),
        ] {
            let (prefixes, address) = ([prefix.parse().unwrap()], address.parse().unwrap());
            assert_eq!(canonical(address).to_string(), inferred, "{address}");
            assert_eq!(canonical_with(&prefixes, address).to_string(), embedded, "{address}");
        }
    }

    #[test]
    fn own_prefixes_are_those_of_rfc_6052() {
        // The table of RFC 6052, 2.4.
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            let (prefixes, address) = ([prefix.parse().unwrap()], address.parse().unwrap());
            assert_eq!(canonical_with(&prefixes, address).to_string(), "192.0.2.33", "{address}");
            assert_eq!(canonical(address), address);
        }
        for prefix in ["10.0.0.0/8", "2001:db8::/33", "2001:db8::1/96", "2001:db8:0:0:100::/96", ""]
        {
            assert!(prefix.parse::<Nat64Prefix>().is_err(), "{prefix}");
        }
    }
}
