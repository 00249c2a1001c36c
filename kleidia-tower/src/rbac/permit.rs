//! Proof that a principal may.

use crate::Principal;
use crate::audit::OverrideReason;

/// Proof that a principal may do what was required: only a decision makes one.
///
/// [`RbacLayer`](super::RbacLayer) puts it into the extensions of the requests that pass.
#[derive(Clone, Debug)]
pub struct Permit {
    principal: Principal,
    overridden: Option<OverrideReason>,
}

impl Permit {
    pub(super) const fn new(principal: Principal) -> Self {
        Self { principal, overridden: None }
    }

    pub(super) const fn overridden(principal: Principal, reason: OverrideReason) -> Self {
        Self { principal, overridden: Some(reason) }
    }

    /// Who may.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Why a denial was overridden, if it was.
    #[must_use]
    pub const fn override_reason(&self) -> Option<&OverrideReason> {
        self.overridden.as_ref()
    }
}
