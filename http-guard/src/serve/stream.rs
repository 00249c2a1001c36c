//! The stream of a connection, which reports what is read and written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::limits::ConnectionSlot;

/// A stream with its connection slot, which it keeps when it is upgraded.
#[derive(Debug)]
pub(super) struct ServedStream<S> {
    // Dropped in this order: the connection ends before its slot is released.
    stream: S,
    activity: Arc<Activity>,
    linger: Option<Linger>,
    _slot: ConnectionSlot,
}

/// The time after the last octet was written, in which what still arrives is discarded.
///
/// Closing a socket with unread octets resets the connection, and the client may lose a response
/// that was sent before it had sent the whole body, such as a 413.
#[derive(Debug)]
struct Linger {
    deadline: Instant,
    silence: Pin<Box<Sleep>>,
}

/// How long the server waits for the client to close the connection, or to send more.
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// How long the server discards what the client sends.
const LINGER_LIMIT: Duration = Duration::from_secs(30);

impl<S> ServedStream<S> {
    pub(super) const fn new(stream: S, activity: Arc<Activity>, slot: ConnectionSlot) -> Self {
        Self { stream, activity, linger: None, _slot: slot }
    }

    fn record(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.activity.record_blocked_write(),
            Poll::Ready(written) => {
                self.activity.record_write(written.as_ref().map_or(0, |written| *written));
            }
        }
        written
    }
}

impl Linger {
    fn new() -> Self {
        Self { deadline: Instant::now() + LINGER_LIMIT, silence: Box::pin(sleep(LINGER_SILENCE)) }
    }

    fn record_read(&mut self) {
        let silence = Instant::now() + LINGER_SILENCE;
        self.silence.as_mut().reset(silence.min(self.deadline));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ServedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        match buf.filled().get(start..) {
            None | Some([]) => {}
            Some(octets) => self.activity.record_read(octets),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ServedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.record(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() {
            self.activity.record_blocked_write();
        } else {
            self.activity.record_flush();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            let lingers = this.activity.may_have_unread_octets();
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !lingers {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(Linger::new);
        let mut discarded = [0; 8 * 1_024];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => linger.record_read(),
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return linger.silence.as_mut().poll(cx).map(Ok),
            }
            if linger.deadline <= Instant::now() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
