//! The proof that a principal is allowed.

use crate::Principal;
use crate::audit::OverrideReason;

/// The proof that a principal meets a requirement. Only a decision of a
/// [`Policy`](super::Policy) creates it.
///
/// [`RbacLayer`](super::RbacLayer) inserts it into the extensions of allowed requests.
#[derive(Clone, Debug)]
pub struct Permit {
    principal: Principal,
    override_reason: Option<OverrideReason>,
}

impl Permit {
    pub(crate) const fn new(principal: Principal, override_reason: Option<OverrideReason>) -> Self {
        Self { principal, override_reason }
    }

    /// Returns the principal.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the reason for which a denial was overridden, or `None` if there was no denial.
    #[must_use]
    pub const fn override_reason(&self) -> Option<&OverrideReason> {
        self.override_reason.as_ref()
    }
}
