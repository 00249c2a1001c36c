//! Serves a Tower service: HTTP/1 and HTTP/2 on one port, with limits, timeouts and a graceful
//! shutdown.
//!
//! [`Server`] closes the gaps of `axum::serve` and of hyper's defaults: heads of requests may have
//! 32 KiB in both versions of HTTP, the peer address is in the extensions of requests, silent and
//! idle connections are closed, connections are limited in total and per address, and the shutdown
//! has a deadline.
//!
//! # Examples
//! ```no_run
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use http_guard::PeerAddress;
//! use http_guard::serve::{Server, shutdown_signal};
//! use tokio::net::TcpListener;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let service = tower::service_fn(async |request: Request<_>| {
//!     let peer = request.extensions().get::<PeerAddress>();
//!     let text = peer.map_or_else(String::new, |peer| format!("hello {}\n", peer.0.ip()));
//!     Ok::<_, Infallible>(Response::new(text))
//! });
//! let shutdown = shutdown_signal()?;
//! let listener = TcpListener::bind("127.0.0.1:8080").await?;
//! let summary = Server::new().serve(listener, service, shutdown).await;
//! println!("dropped {} requests", summary.dropped_requests());
//! # Ok(())
//! # }
//! ```
//!
//! Behind a proxy that keeps idle connections for two minutes:
//! ```
//! use std::time::Duration;
//!
//! use http_guard::serve::Server;
//! use http_guard::{ForwardingHeader, TrustedProxies};
//!
//! let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8".parse()?]);
//! let server = Server::new()
//!     .with_idle_timeout(Duration::from_secs(130))?
//!     .with_max_connections(10_000)?
//!     .with_exempt_proxies(proxies)
//!     .with_shutdown_timeout(Duration::from_secs(25))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Closing of connections
//! | reason | how |
//! |---|---|
//! | a handshake or the head of a request takes too long | dropped |
//! | idle | closed; in HTTP/2 with `GOAWAY`, and dropped if the client does not end it |
//! | no room for a new connection; longest without a request, 1 s or more | as idle, within 0.1 s |
//! | the same, none without a request; longest waiting for bodies only, 1 s or more | dropped |
//! | no room for a new connection; longest in its handshake, 1 s or more | dropped |
//! | the client reads too slowly what is written, or answers no ping | dropped |
//! | the server stops | as idle ones once their requests are complete, dropped at the deadline |
//!
//! A request body that arrives too slowly ends with an error; the connection stays open for the
//! response. See [`Server::with_body_timeout`].
//!
//! A handler that panics ends its connection, in HTTP/2 its request. The panic hook reports it.
//!
//! The server has no timeout for handlers: use `tower_http::timeout::TimeoutLayer`. It has none for
//! upgraded connections either: they count as open connections until the handler drops the stream.

mod activity;
mod body;
mod body_wait;
mod connection;
mod head;
mod limits;
mod listener;
mod open_connections;
mod rate;
mod request;
mod run;
mod server;
mod shutdown;
mod stream;
mod timeouts;
mod unsent;

pub use self::body::{RequestBody, RequestBodyError};
pub use self::listener::{Listener, Peer, WithHandshake};
pub use self::server::Server;
pub use self::shutdown::{ShutdownSummary, shutdown_signal};
