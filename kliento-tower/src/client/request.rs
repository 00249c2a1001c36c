//! The trait of outgoing requests, for clients with different request types.

use http::{HeaderMap, Request};

use super::{Origin, OriginError};

/// A request that a client is about to send.
///
/// Implemented for [`http::Request`] with any body, the request type of hyper-util's client and of
/// tonic's channel, and (feature `reqwest`) for [`reqwest::Request`](https://docs.rs/reqwest).
pub trait OutgoingRequest {
    /// Returns the origin of the request's target, or `None` if the target is a path on the
    /// client's connection.
    ///
    /// # Errors
    /// [`OriginError`] if the target is a URL that is neither `http` nor `https`.
    fn origin(&self) -> Result<Option<Origin>, OriginError>;

    /// Returns whether the request's target has this origin; `false` if the target has no origin.
    fn targets(&self, origin: &Origin) -> bool;

    /// Returns the header fields.
    fn headers(&self) -> &HeaderMap;

    /// Returns the header fields for modification.
    fn headers_mut(&mut self) -> &mut HeaderMap;
}

impl<B> OutgoingRequest for Request<B> {
    fn origin(&self) -> Result<Option<Origin>, OriginError> {
        let uri = self.uri();
        let Some(host) = uri.host() else { return Ok(None) };
        let scheme = uri.scheme_str().unwrap_or_default();
        origin_from_parts(scheme, host, uri.port_u16()).map(Some)
    }

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

fn origin_from_parts(scheme: &str, host: &str, port: Option<u16>) -> Result<Origin, OriginError> {
    let error = || OriginError { text: format!("{scheme}://{host}") };
    Origin::from_parts(scheme, host, port).ok_or_else(error)
}

#[cfg(feature = "reqwest")]
impl OutgoingRequest for reqwest::Request {
    fn origin(&self) -> Result<Option<Origin>, OriginError> {
        let url = self.url();
        origin_from_parts(url.scheme(), url.host_str().unwrap_or_default(), url.port()).map(Some)
    }

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
