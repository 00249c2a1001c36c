//! Who may pass: the credential policy, other schemes, and the service's own predicate.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use crate::credentials::{Credentials, scheme};
use crate::flights::Verdict;
use crate::{CredentialPolicy, Rejection, WorkloadIdentity};

type Predicate = dyn Fn(&WorkloadIdentity) -> bool + Send + Sync;

/// Decides what becomes of a verdict.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    pub(crate) policy: CredentialPolicy,
    pub(crate) predicate: Option<Arc<Predicate>>,
    /// The challenges of the schemes that are left to the next layer.
    pub(crate) others: Vec<HeaderValue>,
}

impl Admission {
    /// The credentials that are ours to check, or why there are none.
    pub(crate) fn credentials<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<&'a HeaderValue, Rejection> {
        match Credentials::of(headers)? {
            Credentials::Kliento(value) => Ok(value),
            Credentials::Missing => Err(Rejection::MissingCredentials),
            Credentials::Other(scheme) if self.is_left(scheme) => Err(Rejection::OtherScheme),
            Credentials::Other(_) => Err(Rejection::UnsupportedScheme),
        }
    }

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

    fn is_left(&self, name: &[u8]) -> bool {
        self.others.iter().any(|other| scheme(other.as_bytes()).eq_ignore_ascii_case(name))
    }
}
