//! Tower layers that authenticate workloads by their Kliento token bundles.

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(feature = "axum", doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
mod admission;
mod authenticator;
mod cache;
mod claims;
#[cfg(feature = "client")]
pub mod client;
mod concurrency;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod identity;
mod layer;
mod polled_file;
mod rejection;
mod signature_cache;
mod singleflight;
mod streams;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod trust_anchors;

pub use admission::{Admission, AdmissionError, AdmissionStore, AllowRule, Quota};
#[cfg(feature = "admission-file")]
pub use admission::{AdmissionFile, AdmissionFileError, AdmissionFileOptions, Position};
pub use cache::BundleCache;
pub use claims::ClaimsError;
#[cfg(feature = "axum")]
pub use extract::IdentityRejection;
pub use guard::KlientoGuard;
pub use http_guard::stream;
pub use http_guard::{
    Clock, ClockFn, CredentialPolicy, FixedClock, GuardedService, HealthError, ProblemResponder,
    Responder, ResponseBody, ResponseFuture, SettingError, SystemClock, clock_fn,
};
pub use identity::WorkloadIdentity;
/// The types of claims, errors and tokens.
pub use kliento_core as kliento;
pub use kliento_core::{
    Claims, Member, OrganisationName, Period, SignerKind, Timestamp, TrustAnchor, UserName,
};
pub use layer::KlientoAuthLayer;
pub use polled_file::TextFileError;
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
