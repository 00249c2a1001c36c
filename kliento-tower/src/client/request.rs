//! The trait of outgoing requests, for clients with different request types.

use http::{HeaderMap, Request};

use super::Origin;

/// A request that a client is about to send.
///
/// Implemented for [`http::Request`] with any body, the request type of hyper-util's client and of
/// tonic's channel, and (feature `reqwest`) for [`reqwest::Request`](https://docs.rs/reqwest).
pub trait OutgoingRequest {
    /// Returns whether the request's target has this origin; `false` if the target has no origin.
    fn targets(&self, origin: &Origin) -> bool;

    /// Returns the header fields.
    fn headers(&self) -> &HeaderMap;

    /// Returns the header fields for modification.
    fn headers_mut(&mut self) -> &mut HeaderMap;
}

impl<B> OutgoingRequest for Request<B> {
    fn targets(&self, origin: &Origin) -> bool {
        let uri = self.uri();
        let parts = uri.scheme_str().zip(uri.host());
        parts.is_some_and(|(scheme, host)| origin.matches(scheme, host, uri.port_u16()))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
}

#[cfg(feature = "reqwest")]
impl OutgoingRequest for reqwest::Request {
    fn targets(&self, origin: &Origin) -> bool {
        let url = self.url();
        url.host_str().is_some_and(|host| origin.matches(url.scheme(), host, url.port()))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
}
