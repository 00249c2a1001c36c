//! Where a request comes from, as sessions and audit remember it.

use std::fmt;
use std::net::IpAddr;

use http::header::USER_AGENT;
use http::{Extensions, HeaderMap};

use crate::rate_limit::ClientAddress;

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, as the trusted proxies tell it.
    pub address: Option<IpAddr>,
    /// What the client says of itself.
    pub user_agent: Option<UserAgent>,
}

/// The value of `User-Agent` (RFC 9110, 10.1.5): at most 256 characters, all of them visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl Origin {
    /// The origin of a request: the [`ClientAddress`] that a layer found, else the other end of the
    /// connection; and what the client says of itself.
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let address = ClientAddress::of(extensions);
        let user_agent = headers
            .get(USER_AGENT)
            .map(|value| UserAgent::new(&String::from_utf8_lossy(value.as_bytes())));
        Self { address: address.map(ClientAddress::ip), user_agent }
    }
}

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARACTERS: usize = 256;

    /// Keeps the beginning of what a client says, and `?` for what can't be seen.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let visible = |character: char| if character.is_control() { '?' } else { character };
        Self(text.chars().take(Self::MAX_CHARACTERS).map(visible).collect())
    }

    /// The text.
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
