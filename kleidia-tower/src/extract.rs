//! Extractors for axum: the principal, the session and the permit as arguments of handlers.

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http_guard::{extract_optional, extract_required};

use crate::rbac::Permit;
use crate::rejection::default_renderer;
use crate::session::SessionView;
use crate::{Principal, Rejection};

/// An error from extracting a [`Principal`], [`SessionView`] or [`Permit`] (feature `axum`).
pub type PrincipalRejection = http_guard::ExtractionRejection<Rejection>;

/// The layers that insert a principal, as [`PrincipalRejection::MissingLayer`] names them.
const SESSION_LAYER: &str = "JwtSessionLayer";

/// Extracts the principal (feature `axum`).
///
/// `Option<Principal>` is for handlers that also serve unauthenticated callers; the layer's
/// [`CredentialPolicy`](crate::session::CredentialPolicy) has to allow their requests.
///
/// ```
/// use kleidia_tower::Principal;
///
/// async fn private(caller: Principal) -> String {
///     caller.name().to_owned()
/// }
///
/// async fn public(caller: Option<Principal>) -> String {
///     caller.map_or("anonymous".to_owned(), |caller| caller.name().to_owned())
/// }
/// # let _ = (private, public);
/// ```
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PrincipalRejection> {
        extract_required(parts, SESSION_LAYER)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, PrincipalRejection> {
        extract_optional(parts, SESSION_LAYER)
    }
}

/// Extracts the session of a user (feature `axum`); a workload has none and is rejected with 401.
impl<S: Sync> FromRequestParts<S> for SessionView {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PrincipalRejection> {
        if is_without_session(parts) {
            let rejection = Rejection::UnsupportedScheme;
            let response = Box::new(default_renderer().render(parts, rejection.clone()));
            return Err(PrincipalRejection::Unauthenticated { rejection, response });
        }
        extract_required(parts, SESSION_LAYER)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for SessionView {
    type Rejection = PrincipalRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Option<Self>, PrincipalRejection> {
        if is_without_session(parts) { Ok(None) } else { extract_optional(parts, SESSION_LAYER) }
    }
}

/// Whether the caller is authenticated, but not by a session.
fn is_without_session(parts: &Parts) -> bool {
    let extensions = &parts.extensions;
    extensions.get::<Principal>().is_some() && extensions.get::<SessionView>().is_none()
}

/// Extracts the permit of [`RbacLayer`](crate::rbac::RbacLayer) (feature `axum`).
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
        let permit = parts.extensions.get().cloned();
        permit.ok_or(PrincipalRejection::MissingLayer { layer: "RbacLayer" })
    }
}

/// Responds as the layers do by default, over HTTP.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (parts, ()) = http::Request::new(()).into_parts();
        default_renderer().render(&parts, self).map(Body::from)
    }
}
