//! Whose failures are counted: a name, from a source.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::UserName;

/// Somebody's attempt to log in under a name, whether there is such an account or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The name, in its canonical form.
    pub name: UserName,
    /// From where.
    pub source: Source,
}

/// Where attempts come from: an IPv4 address, an IPv6 network of 64 bits, or nobody knows where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// The source of an address. One host has a whole IPv6 network (RFC 4291, 2.5.4).
    #[must_use]
    pub fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
            address @ IpAddr::V4(_) => address,
        }))
    }
}

impl Source {
    /// The source that is written like this.
    #[cfg(feature = "sqlite")]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let address = name.strip_suffix("/64").unwrap_or(name);
        let source = match address {
            "unknown" => Self::new(None),
            address => Self::new(Some(address.parse().ok()?)),
        };
        (source.to_string() == name).then_some(source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address @ IpAddr::V4(_)) => address.fmt(f),
            Some(network @ IpAddr::V6(_)) => write!(f, "{network}/64"),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_source() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ] {
            assert_eq!(Source::new(address.parse().ok()).to_string(), expected);
        }
        assert_eq!(Source::new(None).to_string(), "unknown");
    }
}
