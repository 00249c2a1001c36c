//! `PermitCheck`: whether a permit would be given again, for streams.

use std::sync::Arc;

use http::Extensions;
use http_guard::Problem;
use http_guard::stream::{Reconnection, StreamDecision, StreamEnd, StreamWatch};

use super::authorizer::Authorizer;
use super::{AccessContext, Denial, Permit, StepUp};
use crate::Principal;
use crate::audit::OverrideReason;
use crate::session::SessionStream;

/// What allowed the request of a stream.
#[derive(Clone)]
pub(crate) struct PermitCheck {
    authorizer: Arc<Authorizer>,
    /// The facts when the request was allowed: ownership and freshness matter at its start.
    context: AccessContext,
    override_reason: Option<OverrideReason>,
}

const PERMISSION_DENIED: StreamEnd = StreamEnd::new(
    Problem::forbidden("permission_denied", "Permission denied"),
    Reconnection::Never,
);

const SECOND_FACTOR_REQUIRED: StreamEnd = StreamEnd::new(
    Problem::unauthorized("second_factor_required", "A second factor is required"),
    Reconnection::Never,
);

/// Ends the streams of a request when its principal would no longer be permitted.
pub(super) fn watch(
    extensions: &Extensions,
    authorizer: &Arc<Authorizer>,
    context: AccessContext,
    permit: &Permit,
) {
    let check = || PermitCheck::new(Arc::clone(authorizer), context, permit);
    let principal = permit.principal();
    let session = principal.session().and_then(|_| SessionStream::from_extensions(extensions));
    if let Some(stream) = session {
        // Checked with the account, whose roles change.
        stream.require(check());
    } else if let Some(watch) = extensions.get::<StreamWatch>() {
        let (check, principal) = (check(), principal.clone());
        watch.require(move || {
            let (check, principal) = (check.clone(), principal.with_current_roles());
            async move { check.decide(&principal).await }
        });
    }
}

impl PermitCheck {
    fn new(authorizer: Arc<Authorizer>, context: AccessContext, permit: &Permit) -> Self {
        Self { authorizer, context, override_reason: permit.override_reason().cloned() }
    }

    /// Decides whether the principal would be permitted now.
    pub(crate) async fn decide(&self, principal: &Principal) -> StreamDecision {
        let Self { authorizer, context, override_reason } = self;
        let Ok(policy) = authorizer.policy.policy().await else { return StreamDecision::Unknown };
        let requirement = &authorizer.requirement;
        let is_overridden = || {
            let reason = override_reason.clone();
            reason
                .and_then(|reason| policy.decide_override(principal, requirement, context, reason))
        };
        let decided = policy.decide(principal, requirement, context);
        match decided {
            Ok(_) => StreamDecision::Allow { valid_for: None },
            Err(_) if is_overridden().is_some() => StreamDecision::Allow { valid_for: None },
            Err(Denial::StepUp(StepUp::SecondFactor)) => {
                StreamDecision::End(SECOND_FACTOR_REQUIRED)
            }
            Err(_) => StreamDecision::End(PERMISSION_DENIED),
        }
    }
}
