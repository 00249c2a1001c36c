//! An extractor of [`ClientInfo`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::ClientInfo;

impl<S: Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_request(&parts.extensions, &parts.headers))
    }
}
