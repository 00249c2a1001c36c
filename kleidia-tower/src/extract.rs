//! Extractors for axum: what the layers found, as arguments of handlers.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http_body_util::Full;

use crate::answer::Answer;
use crate::session::SessionView;
use crate::{Principal, Rejection, Unauthenticated};

/// The principal, or why there is none, as the layer would have answered.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| reason(parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// The session of a user; workloads have none.
impl<S: Sync> FromRequestParts<S> for SessionView {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| reason(parts))
    }
}

fn reason(parts: &Parts) -> Rejection {
    let unauthenticated = parts.extensions.get::<Unauthenticated>();
    unauthenticated.map_or(Rejection::MissingCredentials, |found| found.rejection().clone())
}

/// Answers as the layers do by default, in HTTP.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (parts, ()) = http::Request::new(()).into_parts();
        Answer::default().to(&parts, self).map(|body| axum::body::Body::new(Full::new(body)))
    }
}
