//! `StreamWatch`: tells a request's streams when they end.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;

use super::entries::Inner;
use super::request_stream::{RequestStream, Usage, Watched};
use super::state::{Slot, StreamState};
use super::sync::Ordering;
use super::{ResponseBody, StreamCheck, StreamDecision, StreamEnd, WatchedBody, watch_response};

/// Watches the caller of a request, for a stream that outlives the request's check. Cheap to clone.
///
/// The layer inserts it into the extensions of requests that it authenticates. By itself it wraps
/// event streams and gRPC responses, and ends gRPC calls that are not answered. A handler uses the
/// watch for what a layer cannot wrap: an upgraded connection, a task in the background, or a body of
/// another content type.
///
/// The first use opens a stream, which counts for the principal until all clones of the watch, its
/// bodies and its futures are dropped.
///
/// ```
/// use http_guard::stream::StreamWatch;
///
/// async fn serve_socket(watch: StreamWatch, messages: impl Future<Output = ()>) {
///     if let Err(end) = watch.run_until_ended(messages).await {
///         println!("close with {}", end.reconnection().close_code());
///     }
/// }
/// ```
pub struct StreamWatch(Arc<dyn Watched>);

/// A waiter for an open stream, which is registered as long as this exists.
pub(super) struct Waiter {
    watch: StreamWatch,
    slot: Slot,
}

/// The future of [`StreamWatch::ended`].
#[must_use = "futures do nothing unless polled"]
pub struct Ended {
    waiter: Result<Waiter, StreamEnd>,
}

impl StreamWatch {
    pub(super) fn new<C: StreamCheck>(
        registry: Arc<Inner<C>>,
        principal: C::Principal,
        key: C::Key,
        known: C::Stream,
    ) -> Self {
        Self(Arc::new(RequestStream::new(registry, principal, key, known)))
    }

    /// Opens a stream unless it is open.
    ///
    /// # Errors
    /// [`StreamEnd::TOO_MANY_STREAMS`], [`StreamEnd::SERVER_SHUTDOWN`], or
    /// [`StreamEnd::UNAVAILABLE`] without a Tokio runtime with a timer: respond with its
    /// [problem](crate::Rejection::problem).
    pub fn open(&self) -> Result<(), StreamEnd> {
        if self.0.is_counted() { Ok(()) } else { Arc::clone(&self.0).open(Usage::Stream) }
    }

    /// Waits until the stream ends, and returns why. Opens a stream; if it cannot be opened, it has
    /// ended.
    ///
    /// It does not tell when the stream is suspended, and comes late if the runtime that checks
    /// streams stalls. Where possible, use [`Self::run_until_ended`].
    pub fn ended(&self) -> Ended {
        Ended { waiter: self.waiter() }
    }

    /// Runs a future until it completes or the stream ends, and opens a stream. While the stream is
    /// suspended, the future is not polled.
    ///
    /// # Errors
    /// Why the stream has ended, or cannot be opened. The future was dropped.
    pub async fn run_until_ended<F: Future>(&self, future: F) -> Result<F::Output, StreamEnd> {
        let mut waiter = self.waiter()?;
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Some(end) = ready!(waiter.poll_delivery(context)) {
                return Poll::Ready(Err(end));
            }
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending => waiter.poll_end(context).map(Err),
            }
        })
        .await
    }

    /// Adds a condition, which is checked each time the caller is: for layers inside the one that
    /// watches. The stream goes on only while all conditions return [`StreamDecision::Allow`].
    ///
    /// The conditions of a stream have a quarter of the lease (at least 1 second, at most 5) after the
    /// check of the caller. If one hangs or panics, this stream is
    /// [unknown](StreamDecision::Unknown), and no other. Up to 64 streams with one key are checked at
    /// the same time.
    ///
    /// A condition must not hold a [`StreamWatch`] of its request: neither would be dropped, and the
    /// stream would stay open and count for its principal. It gets what it needs by
    /// [`Self::stream`] before.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// use http_guard::Problem;
    /// use http_guard::stream::{Reconnection, StreamDecision, StreamEnd, StreamWatch};
    ///
    /// fn require_feature(watch: &StreamWatch, is_enabled: Arc<AtomicBool>) {
    ///     let problem = Problem::forbidden("permission_denied", "Permission denied");
    ///     let end = StreamEnd::new(problem, Reconnection::Never);
    ///     watch.require(move || {
    ///         let is_enabled = is_enabled.load(Ordering::SeqCst);
    ///         std::future::ready(if is_enabled {
    ///             StreamDecision::Allow { valid_for: None }
    ///         } else {
    ///             StreamDecision::End(end)
    ///         })
    ///     });
    /// }
    /// ```
    pub fn require<F>(&self, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = StreamDecision> + Send + 'static,
    {
        self.0.conditions().push(check);
    }

    /// Returns what the layer that watches knows of the stream, if it is of this type: for layers
    /// inside that one.
    #[must_use]
    pub fn stream<T: 'static>(&self) -> Option<&T> {
        self.0.known().downcast_ref()
    }

    /// Returns why the stream has ended; `None` if it has not, or is not open.
    #[must_use]
    pub fn try_ended(&self) -> Option<StreamEnd> {
        self.0.state().and_then(StreamState::end)
    }

    /// Wraps a body of any kind, which then ends with an error when the stream ends. Opens a stream.
    ///
    /// The layer wraps event streams and gRPC responses itself.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn wrap<B>(&self, body: B) -> Result<WatchedBody<B>, StreamEnd> {
        Ok(WatchedBody::opaque(body, self.clone(), self.waiter()?))
    }

    /// Wraps the body of a response if it is an event stream or a gRPC response, as the layer does: for
    /// a service that authenticates requests without one. If the stream cannot be opened, its
    /// [problem](crate::Rejection::problem) replaces the response.
    ///
    /// It does not end a gRPC call that its handler has not answered. A [`Guard`](crate::Guard) that
    /// returns the watch in [`Allowed`](crate::Allowed) does.
    pub fn wrap_response<B>(&self, response: Response<B>) -> Response<ResponseBody<B>> {
        watch_response(response, Some(self))
    }

    /// Opens a stream unless it is open.
    pub(super) fn waiter(&self) -> Result<Waiter, StreamEnd> {
        self.open()?;
        Ok(Waiter { watch: self.clone(), slot: Slot::default() })
    }

    /// Has a call watched, unless it is.
    pub(super) fn call_waiter(&self) -> Result<Waiter, StreamEnd> {
        if self.0.state().is_none() {
            Arc::clone(&self.0).open(Usage::Call)?;
        }
        Ok(Waiter { watch: self.clone(), slot: Slot::default() })
    }

    /// Returns whether the request was allowed just now.
    pub(super) fn is_fresh(&self) -> bool {
        self.0.is_fresh()
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.0.state().map_or(0, StreamState::places)
    }
}

impl Clone for StreamWatch {
    fn clone(&self) -> Self {
        self.0.watches().fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for StreamWatch {
    fn drop(&mut self) {
        // A registered stream is referred to by its registry, too.
        let is_last = self.0.watches().fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last && self.0.state().is_some() {
            self.0.close();
        }
    }
}

impl Waiter {
    /// Returns `None` if the stream may deliver, or its end. Waits while it is suspended.
    pub(super) fn poll_delivery(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamEnd>> {
        match self.watch.0.state() {
            Some(state) => state.poll_delivery(&mut self.slot, context),
            None => Poll::Ready(Some(StreamEnd::UNAVAILABLE)),
        }
    }

    /// Waits for the end.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<StreamEnd> {
        match self.watch.0.state() {
            Some(state) => state.poll_end(&mut self.slot, context),
            None => Poll::Ready(StreamEnd::UNAVAILABLE),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(state) = self.watch.0.state() {
            state.leave(&mut self.slot);
        }
    }
}

impl Future for Ended {
    type Output = StreamEnd;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<StreamEnd> {
        match &mut self.get_mut().waiter {
            Ok(waiter) => waiter.poll_end(context),
            Err(end) => Poll::Ready(*end),
        }
    }
}

impl fmt::Debug for StreamWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWatch")
            .field("is_open", &self.0.state().is_some())
            .field("end", &self.try_ended())
            .finish()
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").finish_non_exhaustive()
    }
}
