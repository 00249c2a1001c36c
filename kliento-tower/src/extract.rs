//! Extractors for axum (feature `axum`).

use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use crate::{Rejection, Unauthenticated, WorkloadIdentity};

/// Extracts who is calling (feature `axum`).
///
/// Where the layer let a request pass without an identity, it is refused as the layer would have:
/// so a route can insist under a layer that does not. `Option<WorkloadIdentity>` takes both.
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
        identity.cloned().ok_or_else(|| IdentityRejection::of(parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WorkloadIdentity {
    type Rejection = IdentityRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let identity = parts.extensions.get::<Self>().cloned();
        let is_layered = identity.is_some() || parts.extensions.get::<Unauthenticated>().is_some();
        if is_layered { Ok(identity) } else { Err(IdentityRejection::NoLayer) }
    }
}

/// Why there is no [`WorkloadIdentity`] to extract (feature `axum`).
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentityRejection {
    /// The route has no [`KlientoAuthLayer`](crate::KlientoAuthLayer): the service's mistake, 500.
    NoLayer,
    /// The layer let the request through without an identity. The layer's own response follows.
    Unauthenticated {
        /// Why there is none.
        rejection: Rejection,
        /// What the layer would have answered.
        response: Box<http::Response<Bytes>>,
    },
}

impl IdentityRejection {
    fn of(request: &Parts) -> Self {
        match request.extensions.get::<Unauthenticated>() {
            None => Self::NoLayer,
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
            Self::NoLayer => f.write_str("no KlientoAuthLayer is on this route: add one"),
            Self::Unauthenticated { rejection, .. } => rejection.fmt(f),
        }
    }
}

impl std::error::Error for IdentityRejection {}

impl IntoResponse for IdentityRejection {
    fn into_response(self) -> Response {
        match self {
            Self::NoLayer => {
                tracing::error!(error = %self);
                (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
            }
            Self::Unauthenticated { response, .. } => response.map(Body::from).into_response(),
        }
    }
}
