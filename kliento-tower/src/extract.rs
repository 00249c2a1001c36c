//! Extractors for axum (feature `axum`).

use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use crate::{Rejection, Unauthenticated, WorkloadIdentity};

/// Extracts the caller's identity (feature `axum`).
///
/// A request that passed the layer without an identity is rejected as the layer would have done.
/// So a route can require an identity under a layer that does not. Extract
/// `Option<WorkloadIdentity>` to accept both.
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

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let identity = parts.extensions.get::<Self>();
        identity.cloned().ok_or_else(|| IdentityRejection::from_parts(parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WorkloadIdentity {
    type Rejection = IdentityRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let identity = parts.extensions.get::<Self>().cloned();
        let layer_ran = identity.is_some() || parts.extensions.get::<Unauthenticated>().is_some();
        if layer_ran { Ok(identity) } else { Err(IdentityRejection::MissingLayer) }
    }
}

/// An error from extracting a [`WorkloadIdentity`] (feature `axum`).
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentityRejection {
    /// The route has no [`KlientoAuthLayer`](crate::KlientoAuthLayer), a bug of the service: 500.
    MissingLayer,
    /// The request passed the layer without an identity.
    Unauthenticated {
        /// Why it has none.
        rejection: Rejection,
        /// The response that the layer would have sent.
        response: Box<http::Response<Bytes>>,
    },
}

impl IdentityRejection {
    fn from_parts(request: &Parts) -> Self {
        match request.extensions.get::<Unauthenticated>() {
            None => Self::MissingLayer,
            Some(unauthenticated) => Self::Unauthenticated {
                rejection: unauthenticated.rejection().clone(),
                response: Box::new(unauthenticated.response_to(request)),
            },
        }
    }
}

impl fmt::Display for IdentityRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLayer => f.write_str("missing KlientoAuthLayer on this route"),
            Self::Unauthenticated { rejection, .. } => rejection.fmt(f),
        }
    }
}

impl std::error::Error for IdentityRejection {}

impl IntoResponse for IdentityRejection {
    fn into_response(self) -> Response {
        match self {
            Self::MissingLayer => {
                tracing::error!(error = %self);
                (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
            }
            Self::Unauthenticated { response, .. } => response.map(Body::from).into_response(),
        }
    }
}
