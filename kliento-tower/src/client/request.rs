//! What the layer needs of a request, so that clients of several kinds can be wrapped.

use http::{HeaderMap, Request};

use super::Origin;

/// A request that a client is about to send.
///
/// It is implemented for [`http::Request`] with any body, which hyper-util's client and tonic's
/// channel take, and (feature `reqwest`) for [`reqwest::Request`](https://docs.rs/reqwest).
pub trait OutgoingRequest {
    /// Whether the request goes to this origin. A request that does not tell goes to none.
    fn goes_to(&self, origin: &Origin) -> bool;

    /// The header fields.
    fn headers(&self) -> &HeaderMap;

    /// The header fields, to be changed.
    fn headers_mut(&mut self) -> &mut HeaderMap;
}

impl<B> OutgoingRequest for Request<B> {
    fn goes_to(&self, origin: &Origin) -> bool {
        let uri = self.uri();
        let target = uri.scheme_str().zip(uri.host());
        target.is_some_and(|(scheme, host)| origin.is_of(scheme, host, uri.port_u16()))
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
    fn goes_to(&self, origin: &Origin) -> bool {
        let url = self.url();
        url.host_str().is_some_and(|host| origin.is_of(url.scheme(), host, url.port()))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
}
