//! WebSockets that end with their caller (feature `websocket`).
//!
//! [`WatchedWebSocketUpgrade`] is axum's `WebSocketUpgrade` with the [`StreamWatch`](super::StreamWatch)
//! of the caller. Its handler gets a [`WatchedWebSocket`], and runs until it returns, or until the
//! stream ends.
//!
//! ```
//! use axum::Router;
//! use axum::response::Response;
//! use axum::routing::any;
//! use http_guard::stream::websocket::WatchedWebSocketUpgrade;
//!
//! async fn echo(upgrade: WatchedWebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             if socket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//!
//! // Behind a layer that watches streams.
//! let routes: Router = Router::new().route("/echo", any(echo));
//! ```
//!
//! With messages of at most 64 KiB, a subprotocol, and another close code:
//! ```
//! use axum::response::Response;
//! use http_guard::SettingError;
//! use http_guard::stream::Reconnection;
//! use http_guard::stream::websocket::{WatchedWebSocketUpgrade, WebSocketSettings};
//!
//! fn settings() -> Result<WebSocketSettings, SettingError> {
//!     WebSocketSettings::default().with_close_code(Reconnection::Never, 4000)
//! }
//!
//! async fn chat(upgrade: WatchedWebSocketUpgrade, settings: WebSocketSettings) -> Response {
//!     let upgrade = upgrade.map(|upgrade| upgrade.max_message_size(64 * 1024).protocols(["chat"]));
//!     upgrade.with_settings(settings).on_upgrade(async |socket| drop(socket))
//! }
//! # assert!(settings().is_ok());
//! ```
//!
//! # Cookies
//! Browsers open WebSockets for the pages of any origin, and send cookies with the handshake. If
//! cookies are credentials, set their attribute `SameSite`, and check the origin: another host of the
//! same site is not another site.
//! ```
//! use axum::response::Response;
//! use http::HeaderMap;
//! use http_guard::stream::websocket::{WatchedWebSocketUpgrade, WebSocketRejection};
//!
//! async fn chat(
//!     headers: HeaderMap,
//!     upgrade: WatchedWebSocketUpgrade,
//! ) -> Result<Response, WebSocketRejection> {
//!     let upgrade = upgrade.check_origin(&headers, ["https://app.example"])?;
//!     Ok(upgrade.on_upgrade(async |socket| drop(socket)))
//! }
//! ```
//!
//! # Rules
//! - A message or a frame of the client has at most 1 MiB; see [`WatchedWebSocketUpgrade::map`].
//! - The stream is opened before the request is answered: with 429 or 503 if that is impossible, as
//!   [`StreamWatch::open`](super::StreamWatch::open) does, and with 101 (Switching Protocols)
//!   otherwise.
//! - At the end the handler is dropped. Then the client gets a Close frame, whose code is that of
//!   [`Reconnection::close_code`](super::Reconnection::close_code) and whose reason is the code of
//!   the end. There are 5 seconds to write it and to receive the client's Close frame. Then the
//!   connection is dropped.
//! - Nothing is delivered after the end, except one message that the handler was sending: a part of
//!   it may be on its way, and the Close frame has to follow a whole frame. No other message waits,
//!   since each is written before the next one is accepted.
//! - Tasks to which the handler has given its socket, or the halves of it, lose it at the end.
//! - When the handler has returned and the socket is dropped, the client gets a Close frame with 1000
//!   (Normal Closure), unless the handler has sent one.
//! - A message that the client does not read within 60 seconds drops the connection. A client that
//!   sends nothing is not noticed: send pings, or let the handler have a timeout.
//!
//! # Clients
//! Browsers do not reconnect WebSockets, so scripts do. With 4401 they first obtain new
//! credentials, with 1013 (Try Again Later) they reconnect with the same ones, and with 4403 they
//! stop. Many clients may lose their connections at the same time, so each should wait for 1 to 5
//! seconds at random, and longer after each failure. A handshake that is rejected has no close code
//! in browsers: they report 1006.

mod extract;
mod settings;
mod socket;
mod upgrade;

pub use extract::WebSocketRejection;
pub use settings::WebSocketSettings;
pub use socket::WatchedWebSocket;
pub use upgrade::WatchedWebSocketUpgrade;
