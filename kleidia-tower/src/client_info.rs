//! The client of a request, as sessions and the audit log record it.

use std::fmt;
use std::net::IpAddr;

use http::header::USER_AGENT;
use http::{Extensions, HeaderMap};

use crate::rate_limit::ClientAddress;

/// The client of a request, as sessions and the audit log record it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The client's address, resolved through the trusted proxies.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<UserAgent>,
}

/// The value of `User-Agent` (RFC 9110, 10.1.5): at most 256 characters, all of them visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl ClientInfo {
    /// Creates a client with this address in its canonical form ([`ClientAddress::new`]), without a
    /// `User-Agent`.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address: Some(ClientAddress::new(address).ip()), user_agent: None }
    }

    /// Reads the [`ClientAddress`] that a layer has inserted, or else the peer address, and
    /// `User-Agent`.
    #[must_use]
    pub fn from_request(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let address = ClientAddress::from_extensions(extensions);
        let user_agent = headers
            .get(USER_AGENT)
            .map(|value| UserAgent::new(&String::from_utf8_lossy(value.as_bytes())));
        Self { address: address.map(ClientAddress::ip), user_agent }
    }
}

impl UserAgent {
    /// The maximum number of characters; [`Self::new`] drops the rest.
    pub const MAX_CHARACTERS: usize = 256;

    /// Truncates the value and replaces control characters by `?`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let visible = |character: char| if character.is_control() { '?' } else { character };
        Self(text.chars().take(Self::MAX_CHARACTERS).map(visible).collect())
    }

    /// Returns the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
