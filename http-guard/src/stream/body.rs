//! `WatchedBody`: the body of a response, which ends with its caller.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;

use super::format::{Ending, Format};
use super::request_stream::Usage;
use super::watch::Waiter;
use super::{ResponseBody, StreamEnd, StreamWatch};

pin_project! {
    /// The body of a response, which ends when the stream of its [`StreamWatch`] does. Without a
    /// watch it is the inner body, without a cost.
    ///
    /// At the end it drops the inner body. See the [module](super) for how it ends.
    #[derive(Debug)]
    pub struct WatchedBody<B> {
        // `None` after the end.
        #[pin]
        inner: Option<B>,
        // Boxed, since most responses have none.
        stream: Option<Box<Stream>>,
    }
}

/// The stream of a body.
struct Stream {
    watch: StreamWatch,
    /// `None` until the response turns out to be a stream.
    waiter: Option<Waiter>,
    format: Format,
    /// The frames that were delivered before the stream was opened.
    frames: u8,
}

/// A response of gRPC with more frames than a message and trailers is a stream, also if the inner
/// body is never pending. So is one that comes long after its request was allowed.
const MAX_UNWATCHED_FRAMES: u8 = 2;

type BoxError = Box<dyn Error + Send + Sync>;

impl<B> WatchedBody<B> {
    /// Wraps a body whose stream is open.
    pub(super) fn opaque(inner: B, watch: StreamWatch, waiter: Waiter) -> Self {
        Self::new(inner, watch, Some(waiter), Format::Opaque)
    }

    fn new(inner: B, watch: StreamWatch, waiter: Option<Waiter>, format: Format) -> Self {
        let stream = Stream { watch, waiter, format, frames: 0 };
        Self { inner: Some(inner), stream: Some(Box::new(stream)) }
    }

    /// Returns the inner body; `None` after the end of the stream.
    #[must_use]
    pub fn into_inner(self) -> Option<B> {
        self.inner
    }
}

impl<B> From<B> for WatchedBody<B> {
    /// Returns a body without a watch.
    fn from(inner: B) -> Self {
        Self { inner: Some(inner), stream: None }
    }
}

impl<B> Body for WatchedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(stream) = this.stream else {
            return inner.poll_frame(context).map_err(Into::into);
        };
        let end = match ready!(stream.poll_delivery(context)) {
            Some(end) => end,
            None => match inner.poll_frame(context) {
                // Nothing follows the trailers.
                Poll::Pending if stream.is_unwatched_and_complete() => return Poll::Pending,
                Poll::Pending => ready!(stream.poll_end(context)),
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                    stream.record(&frame);
                    return Poll::Ready(Some(Ok(frame)));
                }
                last @ Poll::Ready(_) => {
                    // The handler has ended the stream.
                    *this.stream = None;
                    return last.map_err(Into::into);
                }
            },
        };
        let last = stream.last_frame(end);
        this.inner.set(None);
        *this.stream = None;
        Poll::Ready(last)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.stream) {
            (None, _) => SizeHint::with_exact(0),
            (Some(inner), None) => inner.size_hint(),
            // The end may add to it, or be earlier.
            (Some(_), Some(_)) => SizeHint::new(),
        }
    }
}

impl Stream {
    /// Returns `None` if the stream may deliver, or its end.
    fn poll_delivery(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamEnd>> {
        let is_short = || self.frames < MAX_UNWATCHED_FRAMES && self.watch.is_fresh();
        if self.is_unwatched_and_complete() || self.waiter.is_none() && is_short() {
            return Poll::Ready(None);
        }
        // The response of a call that took long is not a stream yet.
        let is_call = self.frames < MAX_UNWATCHED_FRAMES && !self.format.is_events();
        match self.waiter(if is_call { Usage::Call } else { Usage::Stream }) {
            Ok(waiter) => waiter.poll_delivery(context),
            Err(end) => Poll::Ready(Some(end)),
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<StreamEnd> {
        match self.waiter(Usage::Stream) {
            Ok(waiter) => waiter.poll_end(context),
            Err(end) => Poll::Ready(end),
        }
    }

    fn is_unwatched_and_complete(&self) -> bool {
        self.waiter.is_none() && self.format.has_trailers()
    }

    fn waiter(&mut self, usage: Usage) -> Result<&mut Waiter, StreamEnd> {
        if usage == Usage::Stream {
            self.watch.open()?;
        }
        let waiter = match self.waiter.take() {
            Some(waiter) => waiter,
            None => self.watch.call_waiter()?,
        };
        Ok(self.waiter.insert(waiter))
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.format.record(data);
        }
        self.frames = self.frames.saturating_add(1);
    }

    fn last_frame(&self, end: StreamEnd) -> Option<Result<Frame<Bytes>, BoxError>> {
        Some(match self.format.ending(&end) {
            Ending::Data(data) => Ok(Frame::data(data)),
            Ending::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            Ending::Error => Err(end.into()),
            Ending::Nothing => return None,
        })
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Wraps the body of a response if it is a stream. If the stream cannot be opened, the response is
/// replaced by a rejection.
pub(crate) fn watch_response<B>(
    response: Response<B>,
    watch: Option<&StreamWatch>,
) -> Response<ResponseBody<B>> {
    let watched = watch.zip(watch.and_then(|_| Format::of_response(response.headers())));
    let Some((watch, format)) = watched else {
        return response.map(|body| Either::Left(body.into()));
    };
    // Most gRPC calls are complete at once, and cost nothing then.
    let waiter = if format.is_events() { watch.waiter().map(Some) } else { Ok(None) };
    match waiter {
        Ok(waiter) => {
            response.map(|body| Either::Left(WatchedBody::new(body, watch.clone(), waiter, format)))
        }
        Err(end) => end.into_rejection().map(|body| Either::Right(Full::new(body))),
    }
}
