//! Why a request passed without an identity.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::Rejection;
use crate::rejection_renderer::RejectionRenderer;

/// Marks a request that passed the layer without an identity, and why.
///
/// It is in the extensions of such requests. They only pass with a
/// [`CredentialPolicy`](crate::CredentialPolicy) other than the default, or with a
/// [passthrough scheme](crate::KlientoAuthLayer::with_passthrough_scheme).
#[derive(Clone)]
pub struct Unauthenticated {
    rejection: Rejection,
    renderer: Arc<RejectionRenderer>,
}

impl Unauthenticated {
    pub(crate) const fn new(rejection: Rejection, renderer: Arc<RejectionRenderer>) -> Self {
        Self { rejection, renderer }
    }

    /// Returns why the request has no identity.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// Returns the response that the layer would have sent had it rejected the request, for
    /// handlers that require an identity.
    #[must_use]
    pub fn response_to(&self, request: &Parts) -> Response<Bytes> {
        self.renderer.render(request, &self.rejection)
    }
}

impl fmt::Debug for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unauthenticated").field(&self.rejection).finish()
    }
}
