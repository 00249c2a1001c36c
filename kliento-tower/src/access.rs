//! Which requests pass: the credential policy, the allow list and the authorizer.

use std::sync::Arc;

use crate::allow_list::AllowList;
use crate::singleflight::Decision;
use crate::{CredentialPolicy, Rejection, WorkloadIdentity};

type Authorizer = dyn Fn(&WorkloadIdentity) -> bool + Send + Sync;

/// The rules that turn a decision about credentials into one about the request.
#[derive(Clone, Default)]
pub(crate) struct AccessPolicy {
    pub(crate) policy: CredentialPolicy,
    /// Without a list, every organisation is allowed.
    pub(crate) allow_list: Option<Arc<AllowList>>,
    pub(crate) authorizer: Option<Arc<Authorizer>>,
}

impl AccessPolicy {
    /// Allows a request, with an identity or with the reason for its absence.
    ///
    /// # Errors
    /// The [`Rejection`] if the request is rejected.
    pub(crate) fn check(&self, decision: Decision) -> Result<Decision, Rejection> {
        match decision {
            Ok(identity) if self.is_permitted(&identity) => Ok(Ok(identity)),
            Ok(identity) => Err(Rejection::PermissionDenied(identity)),
            Err(rejection) if self.allows(&rejection) => Ok(Err(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    pub(crate) fn is_permitted(&self, identity: &WorkloadIdentity) -> bool {
        let is_listed = self.allow_list.as_ref().is_none_or(|list| list.allows(identity));
        is_listed && self.authorizer.as_ref().is_none_or(|authorizer| authorizer(identity))
    }

    fn allows(&self, rejection: &Rejection) -> bool {
        matches!(rejection, Rejection::PassthroughScheme) || self.policy.allows(rejection)
    }
}
