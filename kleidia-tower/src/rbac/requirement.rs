//! What is asked of a principal, and whether it is met.

use super::{Denial, Permission, Permit, Policy, RoleName};
use crate::{Principal, UnixTime};

/// What is asked of a principal.
///
/// ```
/// use kleidia_tower::rbac::Requirement;
///
/// let own_or_all = Requirement::any_of([
///     Requirement::own(),
///     Requirement::permission("users:read".parse()?),
/// ]);
/// let with_a_fresh_password = Requirement::all_of([own_or_all, Requirement::step_up(300)]);
/// # Ok::<(), kleidia_tower::rbac::PermissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Authenticated,
    Role(RoleName),
    Permission(Permission),
    AnyOf(Vec<Requirement>),
    AllOf(Vec<Requirement>),
    Own,
    StepUp(UnixTime),
}

/// What is known of a request beside its principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Whether the resource is the principal's own.
    pub is_own: bool,
    /// The time, for step-up; `None` meets none.
    pub now: Option<UnixTime>,
}

impl Requirement {
    /// Any principal at all.
    #[must_use]
    pub const fn authenticated() -> Self {
        Self(Kind::Authenticated)
    }

    /// This role.
    #[must_use]
    pub const fn role(role: RoleName) -> Self {
        Self(Kind::Role(role))
    }

    /// A role that carries this permission.
    #[must_use]
    pub const fn permission(permission: Permission) -> Self {
        Self(Kind::Permission(permission))
    }

    /// One of these at least; of none, nobody meets it.
    #[must_use]
    pub fn any_of(alternatives: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::AnyOf(alternatives.into_iter().collect()))
    }

    /// All of these; of none, nobody meets it, since what is not required is denied.
    #[must_use]
    pub fn all_of(all: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::AllOf(all.into_iter().collect()))
    }

    /// That the resource is the principal's own, as the layer finds it.
    #[must_use]
    pub const fn own() -> Self {
        Self(Kind::Own)
    }

    /// A session whose password was given less than so many seconds ago. No workload meets it.
    #[must_use]
    pub const fn step_up(seconds: UnixTime) -> Self {
        Self(Kind::StepUp(seconds))
    }

    /// Whether it, or a part of it, asks for deletion: that can't be overridden.
    pub(super) fn asks_for_deletion(&self) -> bool {
        match &self.0 {
            Kind::Permission(permission) => permission.action() == "delete",
            Kind::AnyOf(parts) | Kind::AllOf(parts) => parts.iter().any(Self::asks_for_deletion),
            _ => false,
        }
    }

    /// Whether it is met once a policy is overridden: the age of a password is no matter of
    /// policies, and nobody overrides deletion.
    pub(super) fn is_met_by_override(
        &self,
        principal: &Principal,
        circumstances: &Circumstances,
    ) -> bool {
        let is_met = |part: &Self| part.is_met_by_override(principal, circumstances);
        match &self.0 {
            Kind::Permission(permission) => permission.action() != "delete",
            Kind::Authenticated | Kind::Role(_) | Kind::Own => true,
            Kind::StepUp(seconds) => is_fresh(principal, circumstances.now, *seconds),
            Kind::AnyOf(parts) => parts.iter().any(is_met),
            Kind::AllOf(parts) => !parts.is_empty() && parts.iter().all(is_met),
        }
    }

    pub(super) fn needs_time(&self) -> bool {
        match &self.0 {
            Kind::StepUp(_) => true,
            Kind::AnyOf(parts) | Kind::AllOf(parts) => parts.iter().any(Self::needs_time),
            _ => false,
        }
    }

    fn check(
        &self,
        policy: &Policy,
        principal: &Principal,
        circumstances: &Circumstances,
    ) -> Result<(), Denial> {
        let met = |met: bool, denial: fn() -> Denial| if met { Ok(()) } else { Err(denial()) };
        let check = |part: &Self| part.check(policy, principal, circumstances);
        match &self.0 {
            Kind::Authenticated => Ok(()),
            Kind::Role(role) if principal.roles().contains(role) => Ok(()),
            Kind::Role(role) => Err(Denial::Role(role.clone())),
            Kind::Permission(permission) if policy.permits(principal.roles(), permission) => Ok(()),
            Kind::Permission(permission) => Err(Denial::Permission(permission.clone())),
            Kind::AnyOf(parts) => {
                met(parts.iter().any(|part| check(part).is_ok()), || Denial::NoAlternative)
            }
            Kind::AllOf(parts) if parts.is_empty() => Err(Denial::NoRequirement),
            Kind::AllOf(parts) => parts.iter().try_for_each(check),
            Kind::Own => met(circumstances.is_own, || Denial::NotOwner),
            Kind::StepUp(seconds) => {
                let is_fresh = is_fresh(principal, circumstances.now, *seconds);
                met(is_fresh, || Denial::StepUp)
            }
        }
    }
}

fn is_fresh(principal: &Principal, now: Option<UnixTime>, seconds: UnixTime) -> bool {
    let at = principal.session().map(|view| view.session.authenticated_at);
    let age = at.zip(now).map(|(at, now)| now.saturating_sub(at));
    // A password that was given in the future was given by another clock.
    age.is_some_and(|age| age.max(0) < seconds)
}

impl Policy {
    /// Decides whether a principal may.
    ///
    /// # Errors
    /// The [`Denial`]: what is missing.
    pub fn decide(
        &self,
        principal: &Principal,
        requirement: &Requirement,
        circumstances: &Circumstances,
    ) -> Result<Permit, Denial> {
        requirement.check(self, principal, circumstances)?;
        Ok(Permit::new(principal.clone()))
    }
}
