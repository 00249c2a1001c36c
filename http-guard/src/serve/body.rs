//! The body of a request, which the client must send fast enough until the response begins.

use std::error::Error;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::body_wait::BodyWait;
use super::rate::RateTimeout;
use crate::event;

/// The body of a request that [`Server`](super::Server) passes to its service.
///
/// It fails with [`RequestBodyError::Timeout`] if the client sends it too slowly: see
/// [`Server::with_body_timeout`](super::Server::with_body_timeout).
#[derive(Debug)]
pub struct RequestBody {
    /// `None` after a timeout.
    body: Option<Incoming>,
    timeout: Option<Timeout>,
    /// `None` if the request has no body.
    wait: Option<Arc<BodyWait>>,
}

/// An error from reading a [`RequestBody`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestBodyError {
    /// The client sent the body too slowly.
    Timeout,
    /// The connection failed, or the body is malformed.
    Connection(hyper::Error),
}

/// The time that the service has waited for the client.
#[derive(Debug)]
struct Timeout {
    limit: RateTimeout,
    /// How much longer the client may be silent. What it sends adds to it.
    left: Duration,
    /// Since when the service waits, and the end of `left`.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl RequestBody {
    /// Wraps a body. The timeout applies until `wait` is over.
    pub(super) fn new(
        body: Incoming,
        limit: Option<RateTimeout>,
        wait: Option<Arc<BodyWait>>,
    ) -> Self {
        let timeout = limit.map(|limit| Timeout { limit, left: limit.timeout, waiting: None });
        Self { body: Some(body), timeout, wait }
    }

    /// Returns the body without its timeout: for one route whose clients may be silent.
    ///
    /// ```
    /// use http::Request;
    /// use http_guard::serve::RequestBody;
    /// use tower::ServiceBuilder;
    ///
    /// let layers = ServiceBuilder::new().map_request(|request: Request<RequestBody>| {
    ///     match request.uri().path() {
    ///         "/measurements.v1.Collector/Collect" => request.map(RequestBody::without_timeout),
    ///         _ => request,
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn without_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        let Some(wait) = &this.wait else {
            return frame.map_err(RequestBodyError::Connection);
        };
        if frame.is_pending() {
            wait.start();
            let Some(timeout) = &mut this.timeout else { return Poll::Pending };
            ready!(timeout.poll_expired(wait, cx));
            event!(debug, "request body timed out");
            wait.end();
            this.body = None;
            return Poll::Ready(Some(Err(RequestBodyError::Timeout)));
        }
        wait.end();
        if let (Some(timeout), Poll::Ready(Some(Ok(frame)))) = (&mut this.timeout, &frame) {
            timeout.record(frame.data_ref().map_or(0, Bytes::len));
        }
        frame.map_err(RequestBodyError::Connection)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(wait) = &self.wait {
            wait.end();
        }
    }
}

impl Timeout {
    /// Completes when the client has been too slow.
    fn poll_expired(&mut self, wait: &BodyWait, cx: &mut Context<'_>) -> Poll<()> {
        if wait.is_over() {
            self.waiting = None;
            return Poll::Pending;
        }
        let left = self.left;
        let waiting = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(waiting.1.as_mut().poll(cx));
        // The response may have begun meanwhile, in another task.
        if wait.is_over() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Ends the wait with octets that have arrived.
    fn record(&mut self, octets: usize) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        self.left = self.limit.left_after(self.left, waited, octets);
    }
}

impl fmt::Display for RequestBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout while reading the request body"),
            Self::Connection(_) => f.write_str("failed to read the request body"),
        }
    }
}

impl Error for RequestBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout => None,
            Self::Connection(error) => Some(error),
        }
    }
}
