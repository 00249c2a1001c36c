//! Tower layers that authenticate people by passwords, sessions and roles.

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(all(feature = "axum", feature = "sqlite"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod access_token;
pub mod account;
pub mod agent;
#[cfg(feature = "axum")]
pub mod api;
pub mod audit;
mod background_writer;
mod client_info;
#[cfg(feature = "axum")]
mod extract;
mod id;
mod instruments;
mod invalid_field;
pub mod lockout;
#[cfg(feature = "metrics")]
pub mod metrics;
mod opaque_token;
pub mod password;
mod principal;
pub mod rate_limit;
pub mod rbac;
mod rejection;
pub mod session;
pub mod store;
mod telemetry;
#[cfg(any(feature = "testing", test))]
pub mod testing;
mod time;
mod user_name;
mod visible_text;

pub use client_info::{ClientInfo, RequestInfo, UserAgent};
#[cfg(feature = "axum")]
pub use extract::PrincipalRejection;
pub use http_guard::stream;
pub use http_guard::{
    Clock, ClockFn, FixedClock, GuardedService, HealthError, ProblemResponder, Responder,
    ResponseBody, ResponseFuture, SettingError, SystemClock, Timestamp, clock_fn,
};
pub use id::{FactorId, FamilyId, SessionId, UserId};
pub use invalid_field::InvalidField;
pub use opaque_token::{TokenDigest, WrappedToken};
pub use principal::Principal;
pub use rejection::Rejection;
pub use user_name::{UserName, UserNameError};

/// The reason for which a layer let a request pass without a principal; in the request's
/// extensions.
pub type Unauthenticated = http_guard::Unauthenticated<Rejection>;
