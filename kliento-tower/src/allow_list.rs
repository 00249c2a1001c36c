//! The organisations and subjects that a layer allows.

use std::collections::HashSet;

use kliento_core::OrganisationName;

use crate::WorkloadIdentity;
use crate::identity::parse_subject;

/// Allows the workloads of some organisations, and some subjects.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList {
    organisations: HashSet<OrganisationName>,
    /// The parents in patterns such as `*.example.com`.
    parents: Vec<OrganisationName>,
    subjects: HashSet<String>,
}

/// An invalid organisation or subject in the allow list of a
/// [`KlientoAuthLayer`](crate::KlientoAuthLayer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowListError {
    /// The text is not an organisation.
    #[error("invalid organisation {0:?}, expected example.com or *.example.com")]
    Organisation(String),
    /// The text is not a subject.
    #[error("invalid subject {0:?}, expected user@example.com, or example.com for its bot")]
    Subject(String),
}

impl AllowList {
    pub(crate) fn add_organisation(&mut self, text: &str) -> Result<(), AllowListError> {
        let (is_pattern, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        let name: OrganisationName =
            name.parse().map_err(|_| AllowListError::Organisation(text.to_owned()))?;
        if is_pattern {
            self.parents.push(name);
        } else {
            self.organisations.insert(name);
        }
        Ok(())
    }

    pub(crate) fn add_subject(&mut self, text: &str) -> Result<(), AllowListError> {
        let (organisation, member) =
            parse_subject(text).ok_or_else(|| AllowListError::Subject(text.to_owned()))?;
        self.subjects.insert(member.subject_id(&organisation));
        Ok(())
    }

    pub(crate) fn allows(&self, identity: &WorkloadIdentity) -> bool {
        let organisation = identity.organisation();
        self.organisations.contains(organisation)
            || self.subjects.contains(identity.subject())
            || self.parents.iter().any(|parent| is_below(organisation, parent))
    }
}

/// Returns whether a name is a proper subdomain of another. Both are in lower case.
fn is_below(name: &OrganisationName, parent: &OrganisationName) -> bool {
    let labels = name.as_str().strip_suffix(parent.as_str());
    labels.is_some_and(|labels| labels.ends_with('.'))
}
