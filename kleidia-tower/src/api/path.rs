//! An extractor of ids in paths.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::rejection::ApiRejection;
use crate::Rejection;

/// The id in the path. A path with an invalid id does not exist.
pub(super) struct PathId(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiRejection> {
        let id = Path::<i64>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Rejection::NotFound.into())
    }
}
