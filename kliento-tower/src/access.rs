//! Which requests pass: the credential policy and the authorizer.

use std::sync::Arc;

use crate::singleflight::Decision;
use crate::{CredentialPolicy, Rejection, WorkloadIdentity};

type Authorizer = dyn Fn(&WorkloadIdentity) -> bool + Send + Sync;

/// The rules that turn a decision about credentials into one about the request.
#[derive(Clone, Default)]
pub(crate) struct AccessPolicy {
    pub(crate) policy: CredentialPolicy,
    pub(crate) authorizer: Option<Arc<Authorizer>>,
}

impl AccessPolicy {
    /// Allows a request, with an identity or with the reason for its absence.
    ///
    /// # Errors
    /// The [`Rejection`] if the request is rejected.
    pub(crate) fn check(&self, decision: Decision) -> Result<Decision, Rejection> {
        match decision {
            Ok(identity) => match &self.authorizer {
                Some(authorizer) if !authorizer(&identity) => {
                    Err(Rejection::PermissionDenied(identity))
                }
                _ => Ok(Ok(identity)),
            },
            Err(rejection) if self.allows(&rejection) => Ok(Err(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    fn allows(&self, rejection: &Rejection) -> bool {
        matches!(rejection, Rejection::PassthroughScheme) || self.policy.allows(rejection)
    }
}
