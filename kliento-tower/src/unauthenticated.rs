//! Why a request that was let through has no identity.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::Rejection;
use crate::answer::Answer;

/// That the layer let a request through without knowing who is calling, and why.
///
/// It is in the extensions of such requests, which only a
/// [`CredentialPolicy`](crate::CredentialPolicy) other than the default, or
/// [another scheme](crate::KlientoAuthLayer::with_other_scheme), lets through.
#[derive(Clone)]
pub struct Unauthenticated {
    rejection: Rejection,
    answer: Arc<Answer>,
}

impl Unauthenticated {
    pub(crate) const fn new(rejection: Rejection, answer: Arc<Answer>) -> Self {
        Self { rejection, answer }
    }

    /// Why there is no identity; [`Rejection::MissingCredentials`] if nobody said who they are.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// What the layer would have answered to the request, had it not let it through: for handlers
    /// that insist on an identity.
    #[must_use]
    pub fn response_to(&self, request: &Parts) -> Response<Bytes> {
        self.answer.to(request, &self.rejection)
    }
}

impl fmt::Debug for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unauthenticated").field(&self.rejection).finish()
    }
}
