//! Who is admitted: rules, a deny list and quotas, in code or in a file.

#[cfg(feature = "admission-file")]
mod document;
mod error;
#[cfg(feature = "admission-file")]
mod file;
#[cfg(feature = "admission-file")]
mod file_error;
mod names;
mod quota;
mod quota_usage;
mod rule;

use std::sync::Arc;

use kliento_core::OrganisationName;

pub use error::AdmissionError;
#[cfg(feature = "admission-file")]
pub use file::{AdmissionFile, AdmissionFileOptions};
#[cfg(feature = "admission-file")]
pub use file_error::{AdmissionFileError, Position};
use names::Names;
pub use quota::Quota;
pub(crate) use quota_usage::QuotaUsage;
pub use rule::AllowRule;

use crate::WorkloadIdentity;

/// The rules of which workloads are admitted. Cheap to clone.
///
/// # Rules
/// - A workload is admitted if an [`AllowRule`] allows it, and the deny list does not name it. So
///   without a rule, no workload is admitted.
/// - The deny list wins over all rules, for all audiences.
/// - Then the first [`Quota`] that names the organisation is charged; without one there is no limit.
///   A rejected request is not charged.
///
/// A layer evaluates them for each request, also for cached bundles, and for open
/// [streams](crate::stream), which no quota limits. An evaluation allocates nothing. It costs a few
/// lookups per rule, however many names a rule has.
///
/// ```
/// use std::time::Duration;
/// use kliento_tower::{Admission, AllowRule, KlientoAuthLayer, Quota};
///
/// let admission = Admission::new()
///     .with_rule(AllowRule::new().with_organisations(["partner.example", "*.example.com"])?)
///     .with_denied_organisations(["test.example.com"])?
///     .with_denied_subjects(["mallory@partner.example"])?
///     .with_quota(Quota::new(600, Duration::from_secs(60))?);
/// let layer = KlientoAuthLayer::new("https://api.example.com").with_admission(admission);
/// # Ok::<(), kliento_tower::AdmissionError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Admission(Arc<Rules>);

#[derive(Clone, Debug, Default)]
struct Rules {
    denied: Names,
    allowed: Vec<AllowRule>,
    quotas: Vec<Quota>,
}

/// A source of the rules: an [`Admission`] in code, or `AdmissionFile` (feature `admission-file`).
///
/// ```
/// use std::sync::RwLock;
/// use kliento_tower::{Admission, AdmissionStore};
///
/// /// Rules that another task replaces.
/// struct SharedRules(RwLock<Admission>);
///
/// impl AdmissionStore for SharedRules {
///     fn current(&self) -> Admission {
///         self.0.read().map(|rules| rules.clone()).unwrap_or_default()
///     }
/// }
/// ```
pub trait AdmissionStore: Send + Sync + 'static {
    /// Returns the rules of this time, without waiting. The layer calls it for each request.
    ///
    /// If they are unavailable, return the last ones, or [`Admission::new`], which admits no
    /// workload.
    fn current(&self) -> Admission;
}

impl Admission {
    /// Creates rules that admit no workload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule. A workload needs only one that allows it.
    #[must_use]
    pub fn with_rule(self, rule: AllowRule) -> Self {
        self.with(|rules| rules.allowed.push(rule))
    }

    /// Denies access to these organisations, with all their members: `example.com`,
    /// `*.example.com` or `*`, as in [`AllowRule::with_organisations`].
    ///
    /// # Errors
    /// [`AdmissionError::Organisation`] for an invalid name.
    pub fn with_denied_organisations<T: AsRef<str>>(
        mut self,
        organisations: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        Arc::make_mut(&mut self.0).denied.add_organisations(organisations)?;
        Ok(self)
    }

    /// Denies access to these subjects, as in [`AllowRule::with_subjects`].
    ///
    /// # Errors
    /// [`AdmissionError::Subject`] for an invalid name.
    pub fn with_denied_subjects<T: AsRef<str>>(
        mut self,
        subjects: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        Arc::make_mut(&mut self.0).denied.add_subjects(subjects)?;
        Ok(self)
    }

    /// Adds a quota. The first one that names an organisation applies to it.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        self.with(|rules| rules.quotas.push(quota))
    }

    /// Returns whether a workload is admitted. Quotas are not consulted.
    #[must_use]
    pub fn admits(&self, identity: &WorkloadIdentity) -> bool {
        let Rules { denied, allowed, .. } = &*self.0;
        !denied.contains(identity) && allowed.iter().any(|rule| rule.allows(identity))
    }

    /// Returns the quota of an organisation.
    pub(crate) fn quota(&self, organisation: &OrganisationName) -> Option<&Quota> {
        self.0.quotas.iter().find(|quota| quota.applies_to(organisation))
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl AdmissionStore for Admission {
    fn current(&self) -> Admission {
        self.clone()
    }
}

impl<T: AdmissionStore + ?Sized> AdmissionStore for Arc<T> {
    fn current(&self) -> Admission {
        (**self).current()
    }
}
