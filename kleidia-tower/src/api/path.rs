//! Numbers in paths.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::Rejection;

/// The number in the path; what is no number names nothing.
pub(super) struct PathId(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let id = Path::<i64>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Rejection::NotFound)
    }
}
