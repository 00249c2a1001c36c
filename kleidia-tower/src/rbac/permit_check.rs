//! `PermitCheck`: whether a permit would be given again, for streams.

use std::sync::Arc;

use super::authorizer::Authorizer;
use super::{AccessContext, Permit};
use crate::Principal;
use crate::audit::OverrideReason;
use crate::session::SessionView;

/// What allowed the request of a stream.
#[derive(Clone)]
pub(crate) struct PermitCheck {
    authorizer: Arc<Authorizer>,
    /// The facts when the request was allowed: ownership and a recent password matter at its start.
    context: AccessContext,
    override_reason: Option<OverrideReason>,
}

impl PermitCheck {
    pub(super) fn new(
        authorizer: Arc<Authorizer>,
        context: AccessContext,
        permit: &Permit,
    ) -> Self {
        Self { authorizer, context, override_reason: permit.override_reason().cloned() }
    }

    /// Returns whether the account would be permitted now, or `None` if the policy is unavailable.
    pub(crate) async fn is_met(&self, view: &SessionView) -> Option<bool> {
        let Self { authorizer, context, override_reason } = self;
        let policy = authorizer.policy.policy().await.ok()?;
        let (principal, requirement) = (Principal::user(view.clone()), &authorizer.requirement);
        let is_overridden = || {
            let reason = override_reason.clone();
            reason
                .and_then(|reason| policy.decide_override(&principal, requirement, context, reason))
        };
        let is_permitted = policy.decide(&principal, requirement, context).is_ok();
        Some(is_permitted || is_overridden().is_some())
    }
}
