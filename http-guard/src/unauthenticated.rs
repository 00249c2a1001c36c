//! The reason for which an allowed request is not authenticated.

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::{Rejection, RejectionRenderer};

/// The reason for which a layer let a request pass without authenticating the caller.
///
/// It is in the extensions of such requests. Only a [`CredentialPolicy`](crate::CredentialPolicy)
/// other than the default, or credentials that are left to the next layer, lead to them.
#[derive(Clone, Debug)]
pub struct Unauthenticated<R> {
    rejection: R,
    renderer: RejectionRenderer<R>,
}

impl<R: Rejection> Unauthenticated<R> {
    /// Keeps the rejection, and the renderer of the layer that would have rejected the request.
    pub const fn new(rejection: R, renderer: RejectionRenderer<R>) -> Self {
        Self { rejection, renderer }
    }

    /// Returns the reason.
    #[must_use]
    pub const fn rejection(&self) -> &R {
        &self.rejection
    }

    /// Returns the response that rejects the request as the layer would have, for handlers that
    /// require an authenticated caller.
    #[must_use]
    pub fn response_to(&self, request: &Parts) -> Response<Bytes> {
        self.renderer.render(request, self.rejection.clone())
    }
}
