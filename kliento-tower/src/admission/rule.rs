//! `AllowRule`: conditions, all of which a workload has to meet.

use std::collections::HashSet;

use kliento_core::SignerKind;

use super::names::Names;
use crate::{AdmissionError, WorkloadIdentity};

/// Allows the workloads that meet all of its conditions.
///
/// A rule names organisations, subjects or both, and a new one names none. Its other conditions
/// narrow it: a set that is never mentioned is no condition, and an empty set is never met.
///
/// ```
/// use kliento_tower::{Admission, AllowRule, SignerKind};
///
/// let deploys = AllowRule::new()
///     .with_organisations(["partner.example", "*.partner.example"])?
///     .with_subjects(["ci@example.com"])?
///     .with_audiences(["https://api.example.com/deploy"])
///     .with_signers([SignerKind::Member])
///     .with_claim("role", ["deploy", "admin"])
///     .with_present_claim("ticket");
/// let admission = Admission::new().with_rule(deploys);
/// # Ok::<(), kliento_tower::AdmissionError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AllowRule {
    pub(super) names: Names,
    audiences: Option<HashSet<String>>,
    signers: Option<Vec<SignerKind>>,
    claims: Vec<RequiredClaim>,
}

#[derive(Clone, Debug)]
struct RequiredClaim {
    name: String,
    /// `None` if any value is allowed.
    values: Option<HashSet<String>>,
}

impl AllowRule {
    /// Creates a rule that names no workload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds organisations, with all their members.
    ///
    /// `example.com` is that organisation; `*.example.com` is every organisation below it, but not
    /// `example.com` itself; `*` is every organisation on the Internet whose domain has DNSSEC. The
    /// names are compared case-insensitively.
    ///
    /// # Errors
    /// [`AdmissionError::Organisation`] for an invalid name.
    pub fn with_organisations<T: AsRef<str>>(
        mut self,
        organisations: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        self.names.add_organisations(organisations)?;
        Ok(self)
    }

    /// Adds subjects.
    ///
    /// `alice@example.com` is a user, whose name is compared exactly; `example.com` is the
    /// organisation's bot, not its users.
    ///
    /// # Errors
    /// [`AdmissionError::Subject`] for an invalid name.
    pub fn with_subjects<T: AsRef<str>>(
        mut self,
        subjects: impl IntoIterator<Item = T>,
    ) -> Result<Self, AdmissionError> {
        self.names.add_subjects(subjects)?;
        Ok(self)
    }

    /// Restricts the rule to tokens for some of the layer's audiences, octet for octet. Each call
    /// adds to the set.
    #[must_use]
    pub fn with_audiences<T: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = T>,
    ) -> Self {
        let all = self.audiences.get_or_insert_default();
        all.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Restricts the rule to tokens that these signed: the member with their own key, or the
    /// organisation on the member's behalf. Each call adds to the set.
    #[must_use]
    pub fn with_signers(mut self, signers: impl IntoIterator<Item = SignerKind>) -> Self {
        self.signers.get_or_insert_default().extend(signers);
        self
    }

    /// Requires a claim with one of these values, octet for octet. Each call is a further condition.
    #[must_use]
    pub fn with_claim<T: Into<String>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.claims.push(RequiredClaim { name: name.into(), values: Some(values) });
        self
    }

    /// Requires a claim of any value, which may be empty.
    #[must_use]
    pub fn with_present_claim(mut self, name: impl Into<String>) -> Self {
        self.claims.push(RequiredClaim { name: name.into(), values: None });
        self
    }

    pub(super) fn allows(&self, identity: &WorkloadIdentity) -> bool {
        let audience = identity.audience();
        self.names.contains(identity)
            && self.audiences.as_ref().is_none_or(|audiences| audiences.contains(audience))
            && self.signers.as_ref().is_none_or(|signers| signers.contains(&identity.signer()))
            && self.claims.iter().all(|claim| claim.is_met(identity))
    }
}

impl RequiredClaim {
    fn is_met(&self, identity: &WorkloadIdentity) -> bool {
        let value = identity.claim(&self.name);
        value.is_some_and(|value| self.values.as_ref().is_none_or(|values| values.contains(value)))
    }
}
