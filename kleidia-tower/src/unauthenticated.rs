//! Why a request that was let through has no principal.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::Rejection;
use crate::answer::Answer;

/// That a layer let a request through without knowing who is calling, and why.
///
/// It is in the extensions of such requests, which only a
/// [`CredentialPolicy`](crate::session::CredentialPolicy) other than the default, or
/// [another scheme](crate::session::JwtSessionLayer::with_other_scheme), lets through.
#[derive(Clone)]
pub struct Unauthenticated {
    rejection: Rejection,
    answer: Arc<Answer>,
}

impl Unauthenticated {
    pub(crate) const fn new(rejection: Rejection, answer: Arc<Answer>) -> Self {
        Self { rejection, answer }
    }

    /// Why there is no principal; [`Rejection::MissingCredentials`] if nobody said who they are.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// What the layer would have answered, had it not let the request through: for handlers that
    /// insist on a principal.
    #[must_use]
    pub fn response_to(&self, request: &Parts) -> Response<Bytes> {
        self.answer.to(request, self.rejection.clone())
    }
}

impl fmt::Debug for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unauthenticated").field(&self.rejection).finish()
    }
}
