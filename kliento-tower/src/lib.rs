//! Tower layers that tell which workload is calling, by its Kliento token bundle.
//!
//! [`KlientoAuthLayer`] is put around any Tower service (axum, tonic, plain hyper). The header
//! `Authorization: Kliento <base64>` proves, offline, that `alice@example.com` or `example.com`
//! signed a token for this service; what was proven, a [`WorkloadIdentity`], is in the extensions
//! of the requests that pass.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn router() -> axum::Router {
//! use axum::{Router, routing::get};
//! use kliento_tower::{KlientoAuthLayer, WorkloadIdentity};
//!
//! async fn whoami(caller: WorkloadIdentity) -> String {
//!     format!("{} until {}", caller.subject(), caller.valid_until())
//! }
//!
//! Router::new()
//!     .route("/whoami", get(whoami))
//!     .layer(KlientoAuthLayer::new("https://api.example.com"))
//! # }
//! ```
//!
//! # Features
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `client` | [`client::KlientoClientLayer`] for outgoing requests, and bundles from files |
//! | `issue` | bundles that the client signs itself |
//! | `exchange` | bundles from VeraId Authority, in exchange for JWTs |
//! | `reqwest` | that layer around reqwest's client |
//! | `axum` | extractors for [`WorkloadIdentity`] and `Option` of it |
//! | `metrics` | `kliento_authentications_total`, `kliento_verifications_total` and the histogram `kliento_authentication_duration_seconds`, through the `metrics` facade |

mod admission;
mod answer;
mod authenticator;
mod cache;
#[cfg(feature = "client")]
pub mod client;
mod clock;
mod credentials;
#[cfg(feature = "axum")]
mod extract;
mod flights;
mod future;
mod gate;
mod identity;
mod layer;
mod observation;
mod policy;
mod recent;
mod rejection;
mod responder;
mod service;
mod signature_memo;
mod trust_anchors;
mod unauthenticated;

pub use cache::BundleCache;
pub use clock::{Clock, FixedClock, SystemClock};
#[cfg(feature = "axum")]
pub use extract::IdentityRejection;
pub use future::ResponseFuture;
pub use identity::WorkloadIdentity;
pub use layer::KlientoAuthLayer;
pub use policy::CredentialPolicy;
pub use rejection::Rejection;
pub use responder::{ProblemResponder, Responder};
pub use service::{KlientoAuth, ResponseBody};
pub use signature_memo::SignatureMemo;
pub use trust_anchors::{
    ElementFault, SkipReason, SkippedAnchor, TrustAnchorError, TrustAnchorFile,
    TrustAnchorFileError, TrustAnchorFileOptions, TrustAnchorStore, TrustAnchors,
};
pub use unauthenticated::Unauthenticated;
