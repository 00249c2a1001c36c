//! The client of a request, as sessions and the audit log record it, and the request itself.

use std::fmt;
use std::net::IpAddr;

use http::header::USER_AGENT;
use http::{Extensions, HeaderMap};

use crate::audit::AuditedRequest;
use crate::rate_limit::{ClientAddress, RequestHead};
use crate::visible_text::replace_invisible;

/// The client of a request, as sessions and the audit log record it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The client's address, resolved through the trusted proxies.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<UserAgent>,
}

/// A request, as the audit log records it: the client, and what it asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The client.
    pub client: ClientInfo,
    /// The method and the route; `None` if there is no HTTP request.
    pub request: Option<AuditedRequest>,
}

/// The value of `User-Agent` (RFC 9110, 10.1.5): at most 256 characters, all of them visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl ClientInfo {
    /// Creates a client with this address, without a `User-Agent`.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address: Some(address), user_agent: None }
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

impl RequestInfo {
    /// Reads the client as [`ClientInfo::from_request`] does, the method, and the route that
    /// matched.
    #[must_use]
    pub fn from_request<B>(request: &http::Request<B>) -> Self {
        Self::from_head(&RequestHead::from_request(request))
    }

    pub(crate) fn from_head(head: &RequestHead<'_>) -> Self {
        let client = ClientInfo::from_request(head.extensions(), head.headers());
        Self { client, request: Some(AuditedRequest::from_head(head)) }
    }
}

/// A client without a request, such as in tests or over another protocol.
impl From<ClientInfo> for RequestInfo {
    fn from(client: ClientInfo) -> Self {
        Self { client, request: None }
    }
}

impl UserAgent {
    /// The maximum number of characters; [`Self::new`] drops the rest.
    pub const MAX_CHARACTERS: usize = 256;

    /// Truncates the value, and replaces invisible characters by `?`: the characters that a
    /// [`UserName`](crate::UserName) cannot have.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(replace_invisible(text, Self::MAX_CHARACTERS))
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
