//! Which requests pass: the credential policy, the rules of admission and the authorizer.

use std::sync::Arc;

use crate::admission::QuotaUsage;
use crate::singleflight::Decision;
use crate::{
    Admission, AdmissionError, AdmissionStore, AllowRule, CredentialPolicy, KlientoAuthLayer,
    Rejection, WorkloadIdentity,
};

type Authorizer = dyn Fn(&WorkloadIdentity) -> bool + Send + Sync;

/// The rules that turn a decision about credentials into one about the request.
#[derive(Clone, Default)]
pub(crate) struct AccessPolicy {
    pub(crate) policy: CredentialPolicy,
    /// Without rules, every organisation is allowed.
    admission: Option<Arc<LayerAdmission>>,
    authorizer: Option<Arc<Authorizer>>,
}

/// The lists of a layer and the rules of a store, both of which have to admit a workload.
#[derive(Clone, Default)]
struct LayerAdmission {
    listed: Option<Admission>,
    store: Option<Arc<dyn AdmissionStore>>,
    usage: Arc<QuotaUsage>,
}

impl AccessPolicy {
    /// Allows a request, with an identity or with the reason for its absence.
    ///
    /// # Errors
    /// The [`Rejection`] if the request is rejected.
    pub(crate) fn check(&self, decision: Decision) -> Result<Decision, Rejection> {
        match decision {
            Ok(identity) => self.admit(identity).map(Ok),
            Err(rejection) if self.allows(&rejection) => Ok(Err(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    /// Returns whether the rules admit a workload, without a charge.
    pub(crate) fn is_permitted(&self, identity: &WorkloadIdentity) -> bool {
        self.is_permitted_by(self.stored_rules().as_ref(), identity)
    }

    /// Charges the quota of a workload that all rules admit.
    fn admit(&self, identity: WorkloadIdentity) -> Result<WorkloadIdentity, Rejection> {
        // Loaded once, so that the rules and the quota are those of one version.
        let rules = self.stored_rules();
        if !self.is_permitted_by(rules.as_ref(), &identity) {
            return Err(Rejection::PermissionDenied(identity));
        }
        let organisation = identity.organisation();
        let quota = rules.as_ref().and_then(|rules| rules.quota(organisation));
        let charged = match (quota, &self.admission) {
            (Some(quota), Some(admission)) => admission.usage.charge(quota, organisation),
            _ => Ok(()),
        };
        match charged {
            Ok(()) => Ok(identity),
            Err(retry_after) => Err(Rejection::QuotaExceeded { identity, retry_after }),
        }
    }

    fn stored_rules(&self) -> Option<Admission> {
        self.admission.as_ref()?.store.as_ref().map(AdmissionStore::current)
    }

    fn is_permitted_by(&self, rules: Option<&Admission>, identity: &WorkloadIdentity) -> bool {
        let listed = self.admission.as_ref().and_then(|admission| admission.listed.as_ref());
        [listed, rules].into_iter().flatten().all(|rules| rules.admits(identity))
            && self.authorizer.as_ref().is_none_or(|authorizer| authorizer(identity))
    }

    fn allows(&self, rejection: &Rejection) -> bool {
        matches!(rejection, Rejection::PassthroughScheme) || self.policy.allows(rejection)
    }

    fn admission_mut(&mut self) -> &mut LayerAdmission {
        Arc::make_mut(self.admission.get_or_insert_default())
    }
}

/// Which workloads are admitted.
impl KlientoAuthLayer {
    /// Sets the rules of which workloads are admitted: an [`Admission`], an `AdmissionFile` (feature
    /// `admission-file`) or another [`AdmissionStore`]. Others are rejected with 403, and those
    /// whose organisation has exceeded its quota with 429.
    ///
    /// It replaces rules that were set before. The lists of [`Self::with_allowed_organisations`] and
    /// [`Self::with_allowed_subjects`], and [`Self::with_authorizer`], apply in addition: all of them
    /// have to admit a workload. Quotas are charged last. Layers that are configured from this one
    /// share what organisations have used of them.
    #[must_use]
    pub fn with_admission(self, rules: impl AdmissionStore) -> Self {
        self.with(|guard| guard.access.admission_mut().store = Some(Arc::new(rules)))
    }

    /// Allows the workloads of these organisations, and rejects those that are on no list with 403.
    ///
    /// `example.com` is that organisation with all its members; `*.example.com` is every
    /// organisation below it, but not `example.com` itself; `*` is every organisation. The names are
    /// compared case-insensitively. Each call adds to the list, which [`Self::with_allowed_subjects`]
    /// shares; an empty list allows none. See [`Self::with_admission`] for further rules.
    ///
    /// # Errors
    /// [`AdmissionError::Organisation`] for an invalid domain name.
    pub fn with_allowed_organisations<T: AsRef<str>>(
        self,
        organisations: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        Ok(self.with_listed(AllowRule::new().with_organisations(organisations)?))
    }

    /// Allows these subjects, and rejects those that are on no list with 403.
    ///
    /// `alice@example.com` is a user, whose name is compared exactly; `example.com` is the
    /// organisation's bot, not its users. See [`Self::with_allowed_organisations`].
    ///
    /// # Errors
    /// [`AdmissionError::Subject`] for an invalid user or domain name.
    pub fn with_allowed_subjects<T: AsRef<str>>(
        self,
        subjects: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        Ok(self.with_listed(AllowRule::new().with_subjects(subjects)?))
    }

    /// Allows only the workloads for which `authorizer` returns `true`, and rejects others with
    /// 403. The layer calls it for each request that the rules admit, before the quota is charged,
    /// so it should be fast.
    #[must_use]
    pub fn with_authorizer(
        self,
        authorizer: impl Fn(&WorkloadIdentity) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.access.authorizer = Some(Arc::new(authorizer)))
    }

    fn with_listed(self, rule: AllowRule) -> Self {
        self.with(|guard| {
            let listed = &mut guard.access.admission_mut().listed;
            *listed = Some(listed.take().unwrap_or_default().with_rule(rule));
        })
    }
}
