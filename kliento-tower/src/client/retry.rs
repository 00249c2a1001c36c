//! When a request is sent a second time: after a 401, with a bundle that is newer.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Request, Response, StatusCode};

use super::{KlientoClientLayer, OutgoingRequest};

/// Whether a client sends a request again: [`NoRetry`] or [`RetryOnce`].
///
/// Sealed: it is implemented for these two types.
pub trait RetryPolicy<Req, Res>: sealed::Sealed {
    #[doc(hidden)]
    fn copy(request: &Req) -> Option<Req>;

    #[doc(hidden)]
    fn is_refused(response: &Res) -> bool;
}

/// The default of a [`KlientoClientLayer`]: each request is sent once.
#[derive(Clone, Copy, Debug)]
pub struct NoRetry;

/// Sends a request again after a 401: see [`KlientoClientLayer::with_retry`].
#[derive(Clone, Copy, Debug)]
pub struct RetryOnce;

/// A request that can be sent twice.
///
/// Implemented for [`http::Request`] with a body that is [`Clone`], such as `Full<Bytes>`,
/// `Empty<Bytes>` and `String`, and (feature `reqwest`) for `reqwest::Request`, whose body must not
/// be a stream.
pub trait ResendableRequest: OutgoingRequest + Sized {
    /// Returns a copy of the request, or `None` if its body can be sent only once.
    fn try_copy(&self) -> Option<Self>;
}

/// A response with a status and header fields.
///
/// Implemented for [`http::Response`] with any body, and (feature `reqwest`) for
/// `reqwest::Response`.
pub trait IncomingResponse {
    /// Returns the status.
    fn status(&self) -> StatusCode;

    /// Returns the header fields.
    fn headers(&self) -> &HeaderMap;
}

impl KlientoClientLayer {
    /// Sends a request again after a 401, once, with another bundle.
    ///
    /// It is for bundles that a server no longer accepts before they expire, for example because a
    /// trust anchor or a key was withdrawn.
    ///
    /// # Rules
    /// - The request can be copied: an [`http::Request`] whose body is [`Clone`], such as
    ///   `Full<Bytes>`, or a `reqwest::Request` without a stream. The copy is made before the first
    ///   attempt, so bodies should be cheap to clone.
    /// - The response is a 401 with a challenge for `Kliento`. Calls of gRPC that are rejected have
    ///   the status 200, and are not sent again.
    /// - The layer has attached the bundle, and the bundle was cached when the request began. If the
    ///   request waited for it, it is as new as can be.
    /// - The source is queried once for all requests, for a
    ///   [fresh bundle](super::TokenBundleSource::fresh_token_bundle). If it fails or has no other
    ///   one, the caller gets the first response, and the refused bundle stays while it is valid:
    ///   other servers may accept it.
    /// - A bundle that the source returned less than a second ago stays, so that a server that
    ///   refuses every bundle does not cause a query per request.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use hyper_util::client::legacy::Client;
    /// use hyper_util::rt::TokioExecutor;
    /// use kliento_tower::client::{BundleFile, KlientoClientLayer};
    /// use tower::ServiceBuilder;
    ///
    /// let layer = KlientoClientLayer::new(BundleFile::new("/run/kliento/api.bin")).with_retry();
    /// let client = ServiceBuilder::new()
    ///     .layer(layer)
    ///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    /// # let _ = client;
    /// ```
    #[must_use]
    pub fn with_retry(self) -> KlientoClientLayer<RetryOnce> {
        self.with_retry_policy()
    }
}

impl<Req, Res> RetryPolicy<Req, Res> for NoRetry {
    fn copy(_: &Req) -> Option<Req> {
        None
    }

    fn is_refused(_: &Res) -> bool {
        false
    }
}

impl<Req: ResendableRequest, Res: IncomingResponse> RetryPolicy<Req, Res> for RetryOnce {
    fn copy(request: &Req) -> Option<Req> {
        request.try_copy()
    }

    /// Without a challenge for Kliento, another bundle would not help.
    fn is_refused(response: &Res) -> bool {
        let challenges = response.headers().get_all(WWW_AUTHENTICATE);
        response.status() == StatusCode::UNAUTHORIZED
            && challenges.iter().any(|challenge| has_kliento(challenge.as_bytes()))
    }
}

/// Returns whether a list of challenges has one of the scheme (RFC 9110, 11.6.1). A quoted string
/// that looks like one counts too.
fn has_kliento(challenges: &[u8]) -> bool {
    challenges.split(|octet| *octet == b',').any(|challenge| {
        let words = challenge.split(u8::is_ascii_whitespace);
        let scheme = words.into_iter().find(|word| !word.is_empty());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Kliento"))
    })
}

impl<B: Clone> ResendableRequest for Request<B> {
    fn try_copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl<B> IncomingResponse for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

#[cfg(feature = "reqwest")]
impl ResendableRequest for reqwest::Request {
    fn try_copy(&self) -> Option<Self> {
        self.try_clone()
    }
}

#[cfg(feature = "reqwest")]
impl IncomingResponse for reqwest::Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::NoRetry {}

    impl Sealed for super::RetryOnce {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_challenges_for_kliento() {
        for (challenges, expected) in [
            (r#"Kliento realm="a""#, true),
            (r#"Bearer realm="a", kliento realm="b", error="invalid_token""#, true),
            ("KLIENTO", true),
            (r#"Bearer realm="Kliento""#, false),
            ("Klientos", false),
            ("", false),
        ] {
            assert_eq!(has_kliento(challenges.as_bytes()), expected, "{challenges}");
        }
    }
}
