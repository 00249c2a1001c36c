//! Login attempts: a user name and a source.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::rate_limit::ClientAddress;
use crate::{SessionId, TokenDigest, UserName};

/// An attempt to log in with a user name, whether or not such an account exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginAttempt {
    /// The user name.
    pub name: UserName,
    /// The source of the attempt.
    pub source: LoginSource,
    /// What the client presents besides the password.
    pub evidence: Evidence,
}

/// What the client of an attempt presents besides the password.
///
/// An attempt with evidence counts for the device or the session instead of the source, so clients
/// at the same address cannot lock it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Nothing: the attempt counts for its source.
    #[default]
    None,
    /// The digest of a device token. It counts only if an earlier login to this account stored it.
    Device(TokenDigest),
    /// The active session of the account, which wants to change the password.
    Session(SessionId),
    /// The active session of the account, in which the user presents a second factor. The attempt
    /// counts for the second factors of the account, from every session and source: a client that
    /// knows the password can open any number of sessions.
    SecondFactor(SessionId),
}

/// The source of a login attempt: an IPv4 address, an IPv6 /64 network, or unknown.
///
/// An IPv4 address that is embedded in IPv6 counts as the IPv4 address
/// ([`ClientAddress::new`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginSource(Option<IpAddr>);

impl LoginSource {
    /// Returns the source for a client address. A single host has a whole IPv6 /64 (RFC 4291,
    /// 2.5.4).
    #[must_use]
    pub fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match ClientAddress::new(address).ip() {
            IpAddr::V6(address) => network(address),
            address @ IpAddr::V4(_) => address,
        }))
    }

    /// Returns the IPv4 address, or the first address of the IPv6 network.
    pub(crate) const fn address(self) -> Option<IpAddr> {
        self.0
    }
}

const fn network(address: Ipv6Addr) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u64::MAX as u128)))
}

impl fmt::Display for LoginSource {
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
    fn groups_addresses_of_one_host() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:0:192.0.2.1", "192.0.2.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.1"),
            ("64:ff9b:1::192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ] {
            assert_eq!(LoginSource::new(address.parse().ok()).to_string(), expected);
        }
        assert_eq!(LoginSource::new(None).to_string(), "unknown");
    }
}
