//! Extractors for axum: what the layers found, as arguments of handlers.

use std::fmt;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use crate::answer::Answer;
use crate::rbac::Permit;
use crate::session::SessionView;
use crate::{Principal, Rejection, Unauthenticated};

/// The principal (feature `axum`).
///
/// `Option<Principal>` is for handlers that serve strangers too; the layer's
/// [`CredentialPolicy`](crate::session::CredentialPolicy) has to let them pass.
///
/// ```
/// use kleidia_tower::Principal;
///
/// async fn private(caller: Principal) -> String {
///     caller.name().to_owned()
/// }
///
/// async fn public(caller: Option<Principal>) -> String {
///     caller.map_or("stranger".to_owned(), |caller| caller.name().to_owned())
/// }
/// # let _ = (private, public);
/// ```
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PrincipalRejection> {
        required(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, PrincipalRejection> {
        optional(parts)
    }
}

/// The session of a user (feature `axum`); a workload has none, and gets 401.
impl<S: Sync> FromRequestParts<S> for SessionView {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PrincipalRejection> {
        required(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for SessionView {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, PrincipalRejection> {
        optional(parts)
    }
}

/// Proof that the principal may, from [`RbacLayer`](crate::rbac::RbacLayer) (feature `axum`).
///
/// ```
/// use kleidia_tower::rbac::Permit;
///
/// async fn report(permit: Permit) -> String {
///     format!("for {}", permit.principal().name())
/// }
/// # let _ = report;
/// ```
impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PrincipalRejection> {
        parts.extensions.get().cloned().ok_or(PrincipalRejection::NoRequirement)
    }
}

/// Why there is no [`Principal`], [`SessionView`] or [`Permit`] to extract (feature `axum`).
#[derive(Debug)]
#[non_exhaustive]
pub enum PrincipalRejection {
    /// The route has no layer that tells who is calling: the service's mistake, 500.
    NoLayer,
    /// The route asks for nothing, so nothing was permitted: the service's mistake, 500.
    NoRequirement,
    /// The layer let the request through without a principal. The layer's own response follows.
    Unauthenticated {
        /// Why there is none.
        rejection: Rejection,
        /// What the layer would have answered.
        response: Box<http::Response<Bytes>>,
    },
}

fn required<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, PrincipalRejection> {
    parts.extensions.get().cloned().ok_or_else(|| PrincipalRejection::of(parts))
}

fn optional<T: Clone + Send + Sync + 'static>(
    parts: &Parts,
) -> Result<Option<T>, PrincipalRejection> {
    let extensions = &parts.extensions;
    let is_layered =
        extensions.get::<Principal>().is_some() || extensions.get::<Unauthenticated>().is_some();
    if is_layered { Ok(extensions.get().cloned()) } else { Err(PrincipalRejection::NoLayer) }
}

impl PrincipalRejection {
    fn of(request: &Parts) -> Self {
        if let Some(unauthenticated) = request.extensions.get::<Unauthenticated>() {
            let rejection = unauthenticated.rejection().clone();
            let response = Box::new(unauthenticated.response_to(request));
            return Self::Unauthenticated { rejection, response };
        }
        if request.extensions.get::<Principal>().is_none() {
            return Self::NoLayer;
        }
        // A workload where a user is wanted.
        let rejection = Rejection::UnsupportedScheme;
        let response = Box::new(Answer::default().to(request, rejection.clone()));
        Self::Unauthenticated { rejection, response }
    }
}

impl fmt::Display for PrincipalRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer => f.write_str("no layer tells who is calling on this route: add one"),
            Self::NoRequirement => f.write_str("no RbacLayer is on this route: add one"),
            Self::Unauthenticated { rejection, .. } => rejection.fmt(f),
        }
    }
}

impl std::error::Error for PrincipalRejection {}

impl IntoResponse for PrincipalRejection {
    fn into_response(self) -> Response {
        match self {
            Self::NoLayer | Self::NoRequirement => {
                tracing::error!(error = %self);
                (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
            }
            Self::Unauthenticated { response, .. } => response.map(Body::from).into_response(),
        }
    }
}

/// Answers as the layers do by default, in HTTP.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (parts, ()) = http::Request::new(()).into_parts();
        Answer::default().to(&parts, self).map(Body::from)
    }
}
