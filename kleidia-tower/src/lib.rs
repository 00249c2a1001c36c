//! Tower layers that tell which person is calling, and what they may do.

pub mod access_token;
pub mod account;
pub mod agent;
mod answer;
pub mod audit;
mod clock;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod guard;
#[cfg(feature = "axum")]
pub mod http;
pub mod lockout;
mod observation;
mod opaque_token;
mod origin;
pub mod password;
mod principal;
pub mod rate_limit;
pub mod rbac;
mod rejection;
mod responder;
mod service;
pub mod session;
pub mod store;
mod unauthenticated;
mod user_name;

pub use clock::{Clock, SystemClock, UnixTime};
#[cfg(feature = "axum")]
pub use extract::PrincipalRejection;
pub use future::ResponseFuture;
pub use opaque_token::{TokenDigest, WrappedToken};
pub use origin::{Origin, UserAgent};
pub use principal::Principal;
pub use rejection::Rejection;
pub use responder::{ProblemResponder, Responder};
pub use service::{Guarded, ResponseBody};
pub use unauthenticated::Unauthenticated;
pub use user_name::{UserName, UserNameError};
