//! Tower layers that tell which person is calling, and what they may do.
//!
//! [`JwtSessionLayer`](session::JwtSessionLayer) lets in requests of live sessions,
//! [`RbacLayer`](rbac::RbacLayer) those who may, and [`RateLimitLayer`](rate_limit::RateLimitLayer)
//! no more than there should be. [`Accounts`](account::Accounts) is what people do: log in, refresh,
//! log out, change passwords. The rules are in `docs/people.md`.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn routes(accounts: &kleidia_tower::account::Accounts)
//! # -> Result<axum::Router, Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use kleidia_tower::Principal;
//! use kleidia_tower::rbac::{Policy, RbacLayer, Requirement};
//! use kleidia_tower::session::JwtSessionLayer;
//!
//! let may_read = Requirement::permission("reports:read".parse()?);
//! let rbac = RbacLayer::new(Policy::default(), may_read, accounts.audit_trail());
//! let session = JwtSessionLayer::new(accounts.authenticator());
//! let reports = get(|who: Principal| async move { format!("reports for {}", who.name()) });
//! let router = Router::new().route("/reports", reports).layer(rbac).layer(session);
//! # Ok(router) }
//! ```
//!
//! # Features
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | extractors, and `api::Api`, the routes of a whole API |
//! | `sqlite` | `store::SqliteStore`; it needs Rust 1.94 |
//! | `kliento` | `rbac::WorkloadRules`: verified workloads as principals |
//! | `vault` | keys of access tokens from Vault or OpenBao |
//! | `conformance` | `store::conformance`: what every store must do |

pub mod access_token;
pub mod account;
pub mod agent;
mod answer;
#[cfg(feature = "axum")]
pub mod api;
pub mod audit;
mod client_info;
mod clock;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod guard;
mod id;
mod invalid_field;
pub mod lockout;
mod observation;
mod opaque_token;
pub mod password;
mod principal;
pub mod rate_limit;
pub mod rbac;
mod rejection;
mod responder;
mod service;
pub mod session;
pub mod store;
mod time;
mod unauthenticated;
mod user_name;

pub use client_info::{ClientInfo, UserAgent};
pub use clock::{Clock, ClockFn, SystemClock, clock_fn};
#[cfg(feature = "axum")]
pub use extract::PrincipalRejection;
pub use future::ResponseFuture;
pub use id::{FamilyId, SessionId, UserId};
pub use invalid_field::InvalidField;
pub use jiff::Timestamp;
pub use opaque_token::{TokenDigest, WrappedToken};
pub use principal::Principal;
pub use rejection::Rejection;
pub use responder::{ProblemResponder, Responder};
pub use service::{Guarded, ResponseBody};
pub use unauthenticated::Unauthenticated;
pub use user_name::{UserName, UserNameError};

/// The examples of the repository's README, which have to compile.
#[cfg(all(doctest, feature = "axum", feature = "kliento", feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
struct Readme;
