//! Tower services around a check of HTTP requests.
//!
//! A [`Guard`] decides whether a request may reach a service. [`GuardedService`] applies it: it
//! calls the inner service, or responds with the [`Rejection`] that the guard returns. A rejection
//! becomes problem details (RFC 9457) with the right challenge (RFC 9110), or a gRPC status. The
//! crate also has what most guards need: [`Credentials`] of the `Authorization` header, a
//! [`Clock`], and the [`ClientAddress`] behind [`TrustedProxies`]. A [`stream`] ends with its
//! caller.
//!
//! `kliento-tower` and `kleidia-tower` are built on it. Use it directly to write a layer of your
//! own whose rejections look like theirs.
//!
//! ```
//! use std::fmt;
//! use std::sync::Arc;
//!
//! use http::{Request, Response, StatusCode};
//! use http_guard::{
//!     Allowed, Check, Decision, Guard, GuardedService, Problem, Rejection, RejectionRenderer,
//! };
//! use tower::{ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};
//!
//! /// Rejects requests without an API key.
//! struct ApiKeyGuard {
//!     key: &'static str,
//!     renderer: RejectionRenderer<InvalidApiKey>,
//! }
//!
//! #[derive(Clone, Debug)]
//! struct InvalidApiKey;
//!
//! impl fmt::Display for InvalidApiKey {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         f.write_str("invalid API key")
//!     }
//! }
//!
//! impl std::error::Error for InvalidApiKey {}
//!
//! impl Rejection for InvalidApiKey {
//!     fn problem(&self) -> Problem {
//!         Problem::unauthorized("invalid_api_key", "A valid API key is required")
//!     }
//! }
//!
//! impl Guard for ApiKeyGuard {
//!     type Rejection = InvalidApiKey;
//!     type Lookup = std::convert::Infallible;
//!
//!     fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, InvalidApiKey> {
//!         let is_valid = request.headers().get("x-api-key").is_some_and(|key| key == self.key);
//!         Check::Ready(if is_valid { Ok(Allowed::default()) } else { Err(InvalidApiKey) })
//!     }
//!
//!     fn finish<B>(&self, _: &mut Request<B>, lookup: Self::Lookup) -> Decision<InvalidApiKey> {
//!         match lookup {}
//!     }
//!
//!     fn renderer(&self) -> &RejectionRenderer<InvalidApiKey> {
//!         &self.renderer
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let renderer = RejectionRenderer::new("ApiKey", "example");
//! let guard = Arc::new(ApiKeyGuard { key: "example-key", renderer });
//! let service = ServiceBuilder::new()
//!     .layer(layer_fn(move |inner| GuardedService::new(inner, Arc::clone(&guard))))
//!     .service_fn(|_: Request<()>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//!     });
//!
//! let allowed = Request::builder().header("x-api-key", "example-key").body(()).unwrap();
//! assert_eq!(service.clone().oneshot(allowed).await.unwrap().status(), StatusCode::OK);
//!
//! let rejected = service.oneshot(Request::new(())).await.unwrap();
//! assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(rejected.headers()["www-authenticate"], r#"ApiKey realm="example""#);
//! assert_eq!(rejected.headers()["cache-control"], "no-store");
//! # }
//! ```
//!
//! # Features
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | [`extract_required`], [`extract_optional`] and [`ExtractionRejection`] |
//! | `connect-info` | [`PeerAddress`] from axum's `ConnectInfo<SocketAddr>` |
//! | `log` | [`log::init`], which logs the events of a program |
//! | `metrics` | counters of panics in background tasks and of lost log lines |
//! | `serve` | [`serve::Server`], which serves a Tower service on a listener |
//! | `websocket` | WebSockets for axum that end with their caller, in `stream::websocket` |

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address_limiter;
mod canonical_address;
mod client_address;
mod clock;
mod credentials;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
mod future;
mod grpc;
mod guard;
mod last_valid;
#[cfg(feature = "log")]
pub mod log;
mod log_limiter;
mod log_text;
#[cfg(feature = "pem")]
pub mod pem;
mod policy;
mod problem;
mod proxies;
mod proxy_network;
mod rejection;
mod rejection_renderer;
mod responder;
#[cfg(feature = "serve")]
pub mod serve;
mod service;
mod setting;
mod socket_address;
pub mod stream;
mod supervisor;
pub mod telemetry;
mod unauthenticated;

pub use address_limiter::{AddressLimiter, AddressPermit};
pub use canonical_address::{Nat64Prefix, NetworkError};
pub use client_address::{ClientAddress, PeerAddress};
pub use clock::{Clock, ClockFn, FixedClock, SystemClock, clock_fn};
pub use credentials::{Credentials, has_multiple_values, mark_authorization_sensitive, token68};
#[cfg(feature = "axum")]
pub use extract::{ExtractionRejection, extract_optional, extract_required};
pub use future::ResponseFuture;
pub use guard::{Allowed, Check, Decision, Guard, LookupFuture};
pub use jiff::Timestamp;
pub use last_valid::{LastValid, Polled};
pub use log_limiter::LogLimiter;
pub use log_text::{is_hidden, log_text, log_text_up_to};
pub use policy::CredentialPolicy;
pub use problem::Problem;
pub use proxies::{ForwardingHeader, TrustedProxies};
pub use proxy_network::ProxyNetwork;
pub use rejection::Rejection;
pub use rejection_renderer::RejectionRenderer;
pub use responder::{ProblemResponder, Responder};
pub use service::{GuardedService, ResponseBody};
pub use setting::SettingError;
pub use socket_address::{SocketAddressError, parse_socket_address};
pub use supervisor::{HealthError, Running, Supervisor};
pub use unauthenticated::Unauthenticated;

/// The example of this crate's README, which has to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
