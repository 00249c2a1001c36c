//! An extractor of ids in paths.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::rejection::ApiRejection;
use crate::{FactorId, Rejection, SessionId, UserId};

/// The id in the path. A path with an invalid id does not exist.
pub(super) struct PathId<T>(pub(super) T);

impl<S: Send + Sync> FromRequestParts<S> for PathId<UserId> {
    type Rejection = ApiRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiRejection> {
        number(parts, state).await.map(|number| Self(UserId::new(number)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId<SessionId> {
    type Rejection = ApiRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiRejection> {
        number(parts, state).await.map(|number| Self(SessionId::new(number)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId<FactorId> {
    type Rejection = ApiRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiRejection> {
        number(parts, state).await.map(|number| Self(FactorId::new(number)))
    }
}

async fn number<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<i64, ApiRejection> {
    let number = Path::<i64>::from_request_parts(parts, state).await;
    number.map(|Path(number)| number).map_err(|_| Rejection::NotFound.into())
}
