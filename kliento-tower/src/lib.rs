//! Tower layers that authenticate workloads by their Kliento token bundles.
//!
//! [`KlientoAuthLayer`] wraps any Tower service: axum, tonic or plain hyper. A workload sends
//! `Authorization: Kliento <base64>`. The layer verifies, without any network access, that
//! `alice@example.com` or `example.com` signed the token for this service. The request then has a
//! [`WorkloadIdentity`] in its extensions. **Without an allow list, every organisation on the Internet
//! whose domain has DNSSEC is admitted.**
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn router() -> Result<axum::Router, kliento_tower::AllowListError> {
//! use axum::{Router, routing::get};
//! use kliento_tower::{KlientoAuthLayer, WorkloadIdentity};
//!
//! async fn whoami(caller: WorkloadIdentity) -> String {
//!     format!("{} until {}", caller.subject(), caller.valid_until())
//! }
//!
//! let layer = KlientoAuthLayer::new("https://api.example.com")
//!     .with_allowed_organisations(["partner.example"])?;
//! let router = Router::new().route("/whoami", get(whoami)).layer(layer);
//! # Ok(router)
//! # }
//! ```
//!
//! # Features
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `client` | [`client::KlientoClientLayer`] for outgoing requests, with bundles from files |
//! | `issue` | a source that signs bundles with a local private key |
//! | `exchange` | a source that exchanges JWTs for bundles at VeraId Authority |
//! | `reqwest` | support for reqwest's client in the client layer |
//! | `axum` | extractors for [`WorkloadIdentity`] and `Option<WorkloadIdentity>` |
//! | `testing` | [`testing::IdentityBuilder`], for tests of handlers without keys |
//! | `metrics` | the counters `kliento_authentications_total` and `kliento_verifications_total`, and the histogram `kliento_authentication_duration_seconds`, through the `metrics` facade |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
mod allow_list;
mod authenticator;
mod cache;
#[cfg(feature = "client")]
pub mod client;
mod concurrency;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod identity;
mod layer;
mod rejection;
mod signature_cache;
mod singleflight;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod trust_anchors;

pub use allow_list::AllowListError;
pub use cache::BundleCache;
#[cfg(feature = "axum")]
pub use extract::IdentityRejection;
pub use guard::KlientoGuard;
pub use http_guard::{
    Clock, ClockFn, CredentialPolicy, FixedClock, GuardedService, HealthError, ProblemResponder,
    Responder, ResponseBody, ResponseFuture, SettingError, SystemClock, clock_fn,
};
pub use identity::WorkloadIdentity;
/// The types of claims, errors and tokens.
pub use kliento;
pub use kliento::{
    Claims, Member, OrganisationName, Period, SignerKind, Timestamp, TrustAnchor, UserName,
};
pub use layer::KlientoAuthLayer;
pub use rejection::Rejection;
pub use signature_cache::SignatureCache;
pub use trust_anchors::{
    SkipReason, SkippedAnchor, TrustAnchorError, TrustAnchorFile, TrustAnchorFileError,
    TrustAnchorFileOptions, TrustAnchorStore, TrustAnchors, XmlElementError,
};

/// The service of [`KlientoAuthLayer`].
pub type KlientoAuth<S> = GuardedService<S, KlientoGuard>;

/// The reason why a request passed the layer without an identity; in the request's extensions.
///
/// It is only in requests that a [`CredentialPolicy`] other than the default or a
/// [passthrough scheme](KlientoAuthLayer::with_passthrough_scheme) allows.
pub type Unauthenticated = http_guard::Unauthenticated<Rejection>;

/// The example of this crate's README, which has to compile.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
