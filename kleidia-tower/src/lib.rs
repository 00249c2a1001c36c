//! Tower layers that authenticate people and decide what they may do.
//!
//! - [`JwtSessionLayer`](session::JwtSessionLayer) authenticates users by the access tokens of active
//!   sessions.
//! - [`RbacLayer`](rbac::RbacLayer) allows requests whose principal meets a requirement.
//! - [`RateLimitLayer`](rate_limit::RateLimitLayer) limits the requests of each client, user or other
//!   key.
//! - [`Accounts`](account::Accounts) has the operations: login, refresh, logout, password changes and
//!   administration.
//!
//! The rules are in `docs/people.md`.
//!
//! # Quick start
//! A whole service on axum and SQLite. The first start creates the database, the key of access
//! tokens, and an account `admin` with the password in `ADMIN_PASSWORD`:
//!
//! ```no_run
//! # #[cfg(all(feature = "axum", feature = "sqlite"))] mod service {
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use kleidia_tower::Principal;
//! use kleidia_tower::access_token::KeyFile;
//! use kleidia_tower::account::Accounts;
//! use kleidia_tower::api::Api;
//! use kleidia_tower::password::PasswordHasher;
//! use kleidia_tower::rbac::Requirement;
//! use kleidia_tower::store::SqliteStore;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = SqliteStore::open("people.db").await?;
//!     let keys = KeyFile::open_or_create("people.keys")?;
//!     let accounts = Accounts::new(Arc::new(store), Arc::new(keys), PasswordHasher::new()?);
//!     if let Ok(password) = std::env::var("ADMIN_PASSWORD") {
//!         accounts.ensure_admin("admin", password.into()).await?;
//!     }
//!
//!     // A route of your own: it requires a session, and a permission that admins have.
//!     let reports = get(|caller: Principal| async move { format!("reports for {}\n", caller.name()) });
//!     let router = Router::new()
//!         .route("/reports", reports)
//!         .layer(accounts.require(Requirement::permission("reports:read".parse()?)))
//!         .layer(accounts.session_layer())
//!         .nest("/api", Api::new(accounts).with_login_limit("60/60".parse()?).into_router());
//!
//!     // Login needs the client's address.
//!     let service = router.into_make_service_with_connect_info::<SocketAddr>();
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     Ok(axum::serve(listener, service).await?)
//! }
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! axum = "0.8"
//! kleidia-tower = { version = "0.1", features = ["axum", "sqlite"] }
//! tokio = { version = "1", features = ["macros", "net", "rt-multi-thread"] }
//! ```
//!
//! ```sh
//! ADMIN_PASSWORD='correct horse battery staple' cargo run &
//! curl -s http://127.0.0.1:8080/api/auth/login -H 'Content-Type: application/json' \
//!   -d '{"username":"admin","password":"correct horse battery staple"}'
//! ```
//!
//! The response has an `access_token`; send it as `Authorization: Bearer <access_token>`.
//!
//! # Features
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | extractors, and `api::Api`, the routes of a whole API |
//! | `sqlite` | `store::SqliteStore`; it needs Rust 1.94 |
//! | `kliento` | `rbac::WorkloadRules`: verified workloads as principals |
//! | `vault` | keys of access tokens from Vault or OpenBao |
//! | `conformance` | `store::conformance`: test cases for every store |
//! | `testing` | `testing`: principals, sessions and permits for tests of handlers |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod access_token;
pub mod account;
pub mod agent;
#[cfg(feature = "axum")]
pub mod api;
pub mod audit;
mod client_info;
#[cfg(feature = "axum")]
mod extract;
mod id;
mod invalid_field;
pub mod lockout;
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
pub use http_guard::{
    Clock, ClockFn, FixedClock, GuardedService, ProblemResponder, Responder, ResponseBody,
    ResponseFuture, SettingError, SystemClock, Timestamp, clock_fn,
};
pub use id::{FamilyId, SessionId, UserId};
pub use invalid_field::InvalidField;
pub use opaque_token::{TokenDigest, WrappedToken};
pub use principal::Principal;
pub use rejection::Rejection;
pub use user_name::{UserName, UserNameError};

/// The reason for which a layer let a request pass without a principal; in the request's extensions.
pub type Unauthenticated = http_guard::Unauthenticated<Rejection>;

/// The example of this crate's README, which has to compile.
#[cfg(all(doctest, feature = "axum", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct CrateReadme;
