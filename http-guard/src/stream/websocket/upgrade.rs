//! `WatchedWebSocketUpgrade`: runs the handler of a WebSocket until its stream ends, and closes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_sink::Sink as _;
use http::HeaderMap;
use http::header::ORIGIN;
use tokio::time::timeout;

use super::super::{StreamEnd, StreamWatch};
use super::{WatchedWebSocket, WebSocketRejection, WebSocketSettings};
use crate::{event, log_text};

/// A request for a WebSocket that ends with its caller (feature `websocket`).
///
/// It is an extractor: see the [module](super) for an example and the rules. Its route needs a layer
/// that watches streams.
#[derive(Debug)]
#[must_use = "the response of `on_upgrade` accepts the request"]
pub struct WatchedWebSocketUpgrade {
    upgrade: WebSocketUpgrade,
    watch: StreamWatch,
    settings: WebSocketSettings,
}

/// The close code for a handler that has returned (RFC 6455, 7.4.1: Normal Closure).
const NORMAL_CLOSURE: u16 = 1000;
/// The maximum of a reason: a control frame has at most 125 octets, and the code takes two.
const MAX_REASON: usize = 123;
/// How large messages may be by default: axum's 64 MiB would let each client fill the memory.
const MAX_MESSAGE_OCTETS: usize = 1024 * 1024;

impl WatchedWebSocketUpgrade {
    /// Opens a stream for a WebSocket, whose client may send messages and frames of up to 1 MiB.
    ///
    /// # Errors
    /// As [`StreamWatch::open`].
    pub fn new(upgrade: WebSocketUpgrade, watch: StreamWatch) -> Result<Self, StreamEnd> {
        watch.open()?;
        let upgrade =
            upgrade.max_message_size(MAX_MESSAGE_OCTETS).max_frame_size(MAX_MESSAGE_OCTETS);
        Ok(Self { upgrade, watch, settings: WebSocketSettings::default() })
    }

    /// Sets the close codes and the timeouts; [`WebSocketSettings::default`] by default.
    pub const fn with_settings(mut self, settings: WebSocketSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Configures the WebSocket: the sizes of its messages and buffers, and its subprotocols.
    ///
    /// For larger messages than 1 MiB, set `max_message_size` and `max_frame_size`. A larger one is an
    /// error of the handler's [`recv`](WatchedWebSocket::recv). Each open WebSocket has a buffer of
    /// 128 KiB for what it receives.
    ///
    /// `on_failed_upgrade` changes the type of the upgrade, so it cannot be set.
    pub fn map(self, configure: impl FnOnce(WebSocketUpgrade) -> WebSocketUpgrade) -> Self {
        Self { upgrade: configure(self.upgrade), ..self }
    }

    /// Rejects the request if a web page of another origin has sent it: for services whose credentials
    /// are cookies, which browsers also send for other pages. Without this nothing is checked.
    ///
    /// The origins are compared with the `Origin` header without case, as a whole (RFC 6454, 6.1): a
    /// scheme, a host, and a port unless it is that of the scheme, such as `https://app.example`. A
    /// request without the header is allowed: a browser always sends it with a handshake. Several
    /// headers, and `null`, are rejected.
    ///
    /// # Errors
    /// [`WebSocketRejection::OriginNotAllowed`], whose response is 403 with problem details.
    pub fn check_origin<'o>(
        self,
        headers: &HeaderMap,
        allowed: impl IntoIterator<Item = &'o str>,
    ) -> Result<Self, WebSocketRejection> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (Some(origin), further) = (origins.next(), origins.next()) else { return Ok(self) };
        let origin = origin.as_bytes();
        let is_listed = allowed.into_iter().any(|it| origin.eq_ignore_ascii_case(it.as_bytes()));
        if further.is_none() && is_listed {
            return Ok(self);
        }
        let origin = log_text(String::from_utf8_lossy(origin));
        event!(debug, origin, "WebSocket rejected: origin not allowed");
        Err(WebSocketRejection::OriginNotAllowed)
    }

    /// Accepts the request, and runs the handler in a new task until it returns or the stream ends.
    /// Then closes the connection.
    ///
    /// If the handler panics, the connection is dropped. The panic hook reports it.
    #[must_use = "the request is accepted by this response"]
    pub fn on_upgrade<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(WatchedWebSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, watch, settings } = self;
        upgrade.on_upgrade(move |socket| run(socket, watch, settings, handler))
    }
}

async fn run<H, F>(socket: WebSocket, watch: StreamWatch, settings: WebSocketSettings, handler: H)
where
    H: FnOnce(WatchedWebSocket) -> F,
    F: Future<Output = ()>,
{
    let watched = WatchedWebSocket::new(socket, &watch, settings.write_timeout);
    // The stream is open, so there is no error.
    let Ok((watched, socket, dropped)) = watched else { return };
    let handle = async {
        handler(watched).await;
        // It may have given the socket to tasks.
        dropped.await.is_ok()
    };
    let ran = watch.run_until_ended(handle).await;
    drop(watch);
    // None if the client did not read.
    let Some(socket) = socket.take() else { return };
    let (code, reason) = match ran {
        Ok(_) => (NORMAL_CLOSURE, ""),
        Err(end) => (settings.close_code(end.reconnection()), end.code()),
    };
    let reason = reason.get(..reason.len().min(MAX_REASON)).unwrap_or_default().into();
    close(socket, CloseFrame { code, reason }, settings.close_timeout).await;
}

/// Sends a Close frame, and waits for that of the client (RFC 6455, 7.1.1).
async fn close(mut socket: WebSocket, frame: CloseFrame, close_timeout: Duration) {
    let closed = async {
        // A buffer with a maximum may have no room for the Close frame yet.
        let is_written = poll_fn(|context| Pin::new(&mut socket).poll_flush(context)).await.is_ok();
        // It is an error if the handler or the client has sent one: then the client's follows.
        let _is_sent = is_written && socket.send(Message::Close(Some(frame))).await.is_ok();
        while let Some(Ok(_)) = socket.recv().await {}
    };
    // The connection is dropped in any case.
    let _is_closed = timeout(close_timeout, closed).await.is_ok();
}
