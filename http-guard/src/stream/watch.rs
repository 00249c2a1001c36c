//! `StreamWatch`: tells a request's streams when they end.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::entries::Inner;
use super::state::{Micros, Slot, StreamState, micros, now};
use super::{StreamCheck, StreamEnd, WatchedBody};

/// Watches the caller of a request, for a stream that outlives the request's check. Cheap to clone.
///
/// The layer inserts it into the extensions of requests that it authenticates. By itself it wraps
/// event streams and gRPC responses. A handler uses the watch for what a layer cannot wrap: an
/// upgraded connection, a task in the background, or a body of another content type.
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
#[derive(Clone)]
pub struct StreamWatch(Arc<Shared<dyn Open>>);

struct Shared<O: Open + ?Sized> {
    opened: OnceLock<Arc<StreamState>>,
    opening: Mutex<()>,
    pending: O,
}

/// A stream that is not yet open, of a caller that was allowed.
pub(super) struct PendingStream<C: StreamCheck> {
    pub(super) registry: Arc<Inner<C>>,
    pub(super) principal: C::Principal,
    pub(super) key: C::Key,
    pub(super) stream: Arc<C::Stream>,
    /// When the caller was allowed.
    pub(super) allowed_at: Micros,
}

/// How long after its request was allowed a stream delivers without a check.
const FRESH: Duration = Duration::from_secs(1);

trait Open: Send + Sync {
    fn stream(&self) -> &(dyn Any + Send + Sync);
    fn is_fresh(&self) -> bool;
    fn open(&self) -> Result<Arc<StreamState>, StreamEnd>;
    fn close(&self, state: &Arc<StreamState>);
}

/// A waiter for an open stream, which is registered as long as this exists.
pub(super) struct Waiter {
    /// Keeps it registered.
    _watch: StreamWatch,
    state: Arc<StreamState>,
    slot: Slot,
}

/// The future of [`StreamWatch::ended`].
#[must_use = "futures do nothing unless polled"]
pub struct Ended {
    waiter: Result<Waiter, StreamEnd>,
}

impl StreamWatch {
    pub(super) fn new<C: StreamCheck>(pending: PendingStream<C>) -> Self {
        let (opened, opening) = (OnceLock::new(), Mutex::default());
        Self(Arc::new(Shared { opened, opening, pending }))
    }

    /// Opens a stream unless it is open.
    ///
    /// # Errors
    /// [`StreamEnd::TOO_MANY_STREAMS`], [`StreamEnd::SERVER_SHUTDOWN`], or
    /// [`StreamEnd::UNAVAILABLE`] without a Tokio runtime with a timer: respond with its
    /// [problem](crate::Rejection::problem).
    pub fn open(&self) -> Result<(), StreamEnd> {
        self.state().map(drop)
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

    /// Returns what the layer that watches knows of the stream, if it is of this type: for layers
    /// inside that one.
    #[must_use]
    pub fn stream<T: 'static>(&self) -> Option<&T> {
        self.0.pending.stream().downcast_ref()
    }

    /// Returns why the stream has ended; `None` if it has not, or is not open.
    #[must_use]
    pub fn try_ended(&self) -> Option<StreamEnd> {
        self.0.opened.get().and_then(|state| state.end())
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

    /// Opens a stream unless it is open.
    pub(super) fn waiter(&self) -> Result<Waiter, StreamEnd> {
        let state = Arc::clone(self.state()?);
        Ok(Waiter { _watch: self.clone(), state, slot: Slot::default() })
    }

    /// Returns whether the request was allowed just now.
    pub(super) fn is_fresh(&self) -> bool {
        self.0.pending.is_fresh()
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.0.opened.get().map_or(0, |state| state.places())
    }

    fn state(&self) -> Result<&Arc<StreamState>, StreamEnd> {
        let Shared { opened, opening, pending } = &*self.0;
        if let Some(state) = opened.get() {
            return Ok(state);
        }
        let _guard = opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = opened.get() {
            return Ok(state);
        }
        let state = pending.open()?;
        Ok(opened.get_or_init(|| state))
    }
}

impl<C: StreamCheck> PendingStream<C> {
    /// Returns whether the request was allowed just now.
    pub(super) fn is_fresh(&self) -> bool {
        now() < self.allowed_at.saturating_add(micros(FRESH))
    }
}

impl<C: StreamCheck> Open for PendingStream<C> {
    fn stream(&self) -> &(dyn Any + Send + Sync) {
        &*self.stream
    }

    fn is_fresh(&self) -> bool {
        self.is_fresh()
    }

    fn open(&self) -> Result<Arc<StreamState>, StreamEnd> {
        self.registry.open(self)
    }

    fn close(&self, state: &Arc<StreamState>) {
        self.registry.close(self, state);
    }
}

impl<O: Open + ?Sized> Drop for Shared<O> {
    fn drop(&mut self) {
        if let Some(state) = self.opened.get() {
            self.pending.close(state);
        }
    }
}

impl Waiter {
    /// Returns `None` if the stream may deliver, or its end. Waits while it is suspended.
    pub(super) fn poll_delivery(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamEnd>> {
        self.state.poll_delivery(&mut self.slot, context)
    }

    /// Waits for the end.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<StreamEnd> {
        self.state.poll_end(&mut self.slot, context)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.state.leave(&mut self.slot);
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
            .field("is_open", &self.0.opened.get().is_some())
            .field("end", &self.try_ended())
            .finish()
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").finish_non_exhaustive()
    }
}
