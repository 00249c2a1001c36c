//! `WatchedWebSocket`: a WebSocket that delivers until its stream ends.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{Message, WebSocket};
use futures_core::Stream;
use futures_sink::Sink;
use http::HeaderValue;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::super::watch::Waiter;
use super::super::{StreamEnd, StreamWatch};

/// A WebSocket that delivers until its stream ends (feature `websocket`).
///
/// It is used as axum's `WebSocket`: as a stream and a sink of messages, which `StreamExt::split`
/// separates, or by [`recv`](Self::recv) and [`send`](Self::send). Each operation first looks whether
/// the stream has ended, and waits while it is suspended. After the end it receives `None`, and to
/// send is an error.
pub struct WatchedWebSocket {
    socket: SharedSocket,
    protocol: Option<HeaderValue>,
    /// The message that is given to the socket when it may be delivered.
    message: Option<Message>,
    // One each, since two tasks may have the halves of a socket.
    reader: Waiter,
    writer: Waiter,
    write_timeout: Duration,
    /// Runs while the client does not read.
    timer: Option<Pin<Box<Sleep>>>,
    /// Tells that nobody has the socket any more.
    _held: oneshot::Sender<Infallible>,
}

/// The socket, which the layer takes from its handler to close it.
#[derive(Clone)]
pub(super) struct SharedSocket(Arc<Mutex<Shared>>);

struct Shared {
    socket: Option<WebSocket>,
    /// Waits for a message.
    reader: Option<Waker>,
}

impl WatchedWebSocket {
    /// Returns with it its socket, and a receiver that ends when it is dropped.
    pub(super) fn new(
        socket: WebSocket,
        watch: &StreamWatch,
        write_timeout: Duration,
    ) -> Result<(Self, SharedSocket, oneshot::Receiver<Infallible>), StreamEnd> {
        let (held, dropped) = oneshot::channel();
        let protocol = socket.protocol().cloned();
        let shared = Shared { socket: Some(socket), reader: None };
        let socket = SharedSocket(Arc::new(Mutex::new(shared)));
        let watched = Self {
            socket: socket.clone(),
            protocol,
            message: None,
            reader: watch.waiter()?,
            writer: watch.waiter()?,
            write_timeout,
            timer: None,
            _held: held,
        };
        Ok((watched, socket, dropped))
    }

    /// Receives a message; `None` after the end of the stream or of the connection.
    ///
    /// Cancel safe: a message is not lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| self.poll_message(context)).await
    }

    /// Sends a message, and waits until it is written.
    ///
    /// If the future is dropped, the message may be sent with the next one, and never in part.
    ///
    /// # Errors
    /// The stream or the connection has ended, or the client does not read.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        poll_fn(|context| self.poll_written(context)).await?;
        self.message = Some(message);
        poll_fn(|context| self.poll_written(context)).await
    }

    /// Returns the subprotocol that was selected.
    #[must_use]
    pub const fn protocol(&self) -> Option<&HeaderValue> {
        self.protocol.as_ref()
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if ready!(self.reader.poll_delivery(context)).is_some() {
            return Poll::Ready(None);
        }
        match self.socket.poll_message(context) {
            Poll::Pending => self.reader.poll_end(context).map(|_| None),
            message @ Poll::Ready(_) => message,
        }
    }

    /// Writes the message, if there is one.
    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_delivery(context, |socket, message, context| {
            if message.is_some() {
                ready!(Pin::new(&mut *socket).poll_ready(context))?;
            }
            if let Some(message) = message.take() {
                Pin::new(&mut *socket).start_send(message)?;
            }
            Pin::new(socket).poll_flush(context)
        })
    }

    fn poll_delivery(
        &mut self,
        context: &mut Context<'_>,
        deliver: impl FnOnce(
            &mut WebSocket,
            &mut Option<Message>,
            &mut Context<'_>,
        ) -> Poll<Result<(), Error>>,
    ) -> Poll<Result<(), Error>> {
        if let Some(end) = ready!(self.writer.poll_delivery(context)) {
            return Poll::Ready(Err(Error::new(end)));
        }
        let delivered = match &mut self.socket.lock().socket {
            Some(socket) => deliver(socket, &mut self.message, context),
            None => Poll::Ready(Err(Error::new(io::Error::from(io::ErrorKind::NotConnected)))),
        };
        if delivered.is_ready() {
            self.timer = None;
            return delivered;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        if timer.as_mut().poll(context).is_ready() {
            // What is written in part can be neither completed nor followed by a Close frame.
            drop(self.socket.take());
            return Poll::Ready(Err(Error::new(io::Error::from(io::ErrorKind::TimedOut))));
        }
        self.writer.poll_end(context).map(|end| Err(Error::new(end)))
    }
}

impl SharedSocket {
    /// Takes the socket from its handler.
    pub(super) fn take(&self) -> Option<WebSocket> {
        let mut shared = self.lock();
        let (socket, reader) = (shared.socket.take(), shared.reader.take());
        drop(shared);
        // The socket does not wake it any more.
        reader.into_iter().for_each(Waker::wake);
        socket
    }

    fn poll_message(&self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let mut shared = self.lock();
        let Some(socket) = &mut shared.socket else { return Poll::Ready(None) };
        let message = Pin::new(socket).poll_next(context);
        let waker = message.is_pending().then(|| context.waker().clone());
        let replaced = mem::replace(&mut shared.reader, waker);
        drop(shared);
        // Without the lock: it may be the last reference to a task.
        drop(replaced);
        message
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for WatchedWebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(context)
    }
}

impl Sink<Message> for WatchedWebSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(context)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().message = Some(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        ready!(this.poll_written(context))?;
        this.poll_delivery(context, |socket, _, context| Pin::new(socket).poll_close(context))
    }
}

impl fmt::Debug for WatchedWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedWebSocket").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
