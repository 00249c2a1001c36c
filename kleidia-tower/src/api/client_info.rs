//! Extractors of [`ClientInfo`] and [`RequestInfo`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::rate_limit::RequestHead;
use crate::{ClientInfo, RequestInfo};

impl<S: Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_request(&parts.extensions, &parts.headers))
    }
}

impl<S: Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_head(&RequestHead::from_parts(parts)))
    }
}
