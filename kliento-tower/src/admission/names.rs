//! The organisations and subjects that a rule names.

use std::collections::HashSet;
use std::iter::successors;

use kliento_core::OrganisationName;

use crate::identity::parse_subject;
use crate::{AdmissionError, WorkloadIdentity};

/// Organisations, patterns of them, and subjects. A lookup costs the same for any number of names,
/// and allocates nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    has_every_organisation: bool,
    organisations: HashSet<Box<str>>,
    /// The parents in patterns such as `*.example.com`.
    parents: HashSet<Box<str>>,
    subjects: HashSet<Box<str>>,
}

impl Names {
    /// Adds `example.com`, `*.example.com` or `*`. Returns whether it is new.
    pub(crate) fn add_organisation(&mut self, text: &str) -> Result<bool, AdmissionError> {
        if text == "*" {
            return Ok(!std::mem::replace(&mut self.has_every_organisation, true));
        }
        let (names, name) = match text.strip_prefix("*.") {
            Some(parent) => (&mut self.parents, parent),
            None => (&mut self.organisations, text),
        };
        let name: OrganisationName =
            name.parse().map_err(|_| AdmissionError::Organisation(text.to_owned()))?;
        Ok(names.insert(name.as_str().into()))
    }

    /// Adds `user@example.com`, or `example.com` for its bot. Returns whether it is new.
    pub(crate) fn add_subject(&mut self, text: &str) -> Result<bool, AdmissionError> {
        let (organisation, member) =
            parse_subject(text).ok_or_else(|| AdmissionError::Subject(text.to_owned()))?;
        Ok(self.subjects.insert(member.subject_id(&organisation).into()))
    }

    pub(crate) fn add_organisations<T: AsRef<str>>(
        &mut self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<(), AdmissionError> {
        texts.into_iter().try_for_each(|text| self.add_organisation(text.as_ref()).map(drop))
    }

    pub(crate) fn add_subjects<T: AsRef<str>>(
        &mut self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<(), AdmissionError> {
        texts.into_iter().try_for_each(|text| self.add_subject(text.as_ref()).map(drop))
    }

    #[cfg(feature = "admission-file")]
    pub(crate) const fn has_every_organisation(&self) -> bool {
        self.has_every_organisation
    }

    /// Returns whether the text is one of these names of organisations.
    #[cfg(feature = "admission-file")]
    pub(crate) fn names(&self, text: &str) -> bool {
        let (names, name) = match text.strip_prefix("*.") {
            Some(parent) => (&self.parents, parent),
            None => (&self.organisations, text),
        };
        let name = name.parse::<OrganisationName>();
        name.is_ok_and(|name| names.contains(name.as_str()))
    }

    /// Returns whether each organisation that the text names is among these: `example.com`,
    /// `*.example.com` or `*`.
    #[cfg(feature = "admission-file")]
    pub(crate) fn covers(&self, text: &str) -> bool {
        if self.has_every_organisation {
            return true;
        }
        match text.strip_prefix("*.").map(str::parse::<OrganisationName>) {
            Some(parent) => parent.is_ok_and(|parent| {
                let name = parent.as_str();
                self.parents.contains(name) || ancestors(name).any(|up| self.parents.contains(up))
            }),
            None => text.parse().is_ok_and(|name| self.contains_organisation(&name)),
        }
    }

    pub(crate) fn contains(&self, identity: &WorkloadIdentity) -> bool {
        self.contains_organisation(identity.organisation())
            || self.subjects.contains(identity.subject())
    }

    pub(crate) fn contains_organisation(&self, organisation: &OrganisationName) -> bool {
        let name = organisation.as_str();
        self.has_every_organisation
            || self.organisations.contains(name)
            || !self.parents.is_empty() && ancestors(name).any(|name| self.parents.contains(name))
    }
}

/// Returns the names above a name, which is in lower case.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    successors(parent(name), |name| parent(name))
}

fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, parent)| parent)
}
