//! Who may pass: the credential policy, and the service's own predicate.

use std::sync::Arc;

use crate::flights::Verdict;
use crate::{CredentialPolicy, Rejection, WorkloadIdentity};

type Predicate = dyn Fn(&WorkloadIdentity) -> bool + Send + Sync;

/// Decides what becomes of a verdict.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    pub(crate) policy: CredentialPolicy,
    pub(crate) predicate: Option<Arc<Predicate>>,
}

impl Admission {
    /// Lets a request pass, with the identity or with the reason for which it has none.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn admit(&self, verdict: Verdict) -> Result<Verdict, Rejection> {
        match verdict {
            Ok(identity) => match &self.predicate {
                Some(admits) if !admits(&identity) => Err(Rejection::NotAdmitted(identity)),
                _ => Ok(Ok(identity)),
            },
            Err(rejection) if self.lets_pass(&rejection) => Ok(Err(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    fn lets_pass(&self, rejection: &Rejection) -> bool {
        match self.policy {
            _ if matches!(rejection, Rejection::OtherScheme) => true,
            CredentialPolicy::Required => false,
            CredentialPolicy::AllowMissing => matches!(rejection, Rejection::MissingCredentials),
            // Nobody knows whether those would have passed.
            CredentialPolicy::AllowMissingOrFailed => !rejection.is_our_fault(),
        }
    }
}
