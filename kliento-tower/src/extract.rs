//! Extractors for axum (feature `axum`).

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http_guard::{extract_optional, extract_required};

use crate::{Rejection, WorkloadIdentity};

/// An error from extracting a [`WorkloadIdentity`] (feature `axum`).
pub type IdentityRejection = http_guard::ExtractionRejection<Rejection>;

/// The layer, as [`IdentityRejection::MissingLayer`] names it.
const LAYER: &str = "KlientoAuthLayer";

/// Extracts the caller's identity (feature `axum`).
///
/// A request that passed the layer without an identity is rejected as the layer would have done. So
/// a route can require an identity under a layer that does not. Extract `Option<WorkloadIdentity>`
/// to accept both.
///
/// ```
/// use axum::{Router, routing::get};
/// use kliento_tower::{CredentialPolicy, KlientoAuthLayer, WorkloadIdentity};
///
/// async fn private(caller: WorkloadIdentity) -> String {
///     caller.subject().to_owned()
/// }
///
/// async fn public(caller: Option<WorkloadIdentity>) -> String {
///     caller.map_or("anonymous".to_owned(), |caller| caller.subject().to_owned())
/// }
///
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_policy(CredentialPolicy::AllowMissing);
/// let router: Router = Router::new()
///     .route("/private", get(private))
///     .route("/public", get(public))
///     .layer(layer);
/// ```
impl<S: Sync> FromRequestParts<S> for WorkloadIdentity {
    type Rejection = IdentityRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, IdentityRejection> {
        extract_required(parts, LAYER)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WorkloadIdentity {
    type Rejection = IdentityRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, IdentityRejection> {
        extract_optional(parts, LAYER)
    }
}
