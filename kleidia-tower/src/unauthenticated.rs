//! Why a request that was let through has no principal.

use crate::Rejection;

/// That a layer let a request through without knowing who is calling, and why: it is in the
/// extensions of such requests.
#[derive(Clone, Debug)]
pub struct Unauthenticated(Rejection);

impl Unauthenticated {
    pub(crate) const fn new(rejection: Rejection) -> Self {
        Self(rejection)
    }

    /// Why there is no principal; [`Rejection::MissingCredentials`] if nobody said who they are.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.0
    }
}
