//! What a route requires of a principal, and the decision whether it is met.

use std::time::Duration;

use super::{Denial, Permission, Permit, Policy, RoleName};
use crate::audit::OverrideReason;
use crate::{Principal, Timestamp, time};

/// What a route requires of a principal.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::rbac::Requirement;
///
/// let owner_or_reader = Requirement::any_of([
///     Requirement::owner(),
///     Requirement::permission("users:read".parse()?),
/// ]);
/// let recently = Requirement::step_up(Duration::from_secs(300));
/// let both = Requirement::all_of([owner_or_reader, recently]);
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
    Owner,
    StepUp(Duration),
}

/// The facts about a request that a decision needs besides the principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessContext {
    /// Whether the principal owns the requested resource.
    pub is_owner: bool,
    /// The current time, for step-up. With `None` no step-up requirement is met.
    pub now: Option<Timestamp>,
}

impl Requirement {
    /// Requires any principal.
    #[must_use]
    pub const fn authenticated() -> Self {
        Self(Kind::Authenticated)
    }

    /// Requires a role. Prefer a permission: a principal with `roles:assign` may assign this role
    /// if the principal has all permissions that the role grants.
    #[must_use]
    pub const fn role(role: RoleName) -> Self {
        Self(Kind::Role(role))
    }

    /// Requires a role to which the policy grants this permission.
    #[must_use]
    pub const fn permission(permission: Permission) -> Self {
        Self(Kind::Permission(permission))
    }

    /// Requires at least one of several requirements. An empty list is never met.
    #[must_use]
    pub fn any_of(alternatives: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::AnyOf(alternatives.into_iter().collect()))
    }

    /// Requires all of several requirements. An empty list is never met.
    #[must_use]
    pub fn all_of(all: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::AllOf(all.into_iter().collect()))
    }

    /// Requires that the principal owns the resource, as configured in
    /// [`RbacLayer`](super::RbacLayer).
    #[must_use]
    pub const fn owner() -> Self {
        Self(Kind::Owner)
    }

    /// Requires a session whose password was verified less than `max_age` ago. Workloads never meet
    /// it.
    #[must_use]
    pub const fn step_up(max_age: Duration) -> Self {
        Self(Kind::StepUp(max_age))
    }

    pub(super) fn needs_time(&self) -> bool {
        self.any_part(&|kind| matches!(kind, Kind::StepUp(_)))
    }

    fn includes_destruction(&self, policy: &Policy) -> bool {
        self.any_part(&|kind| match kind {
            Kind::Permission(permission) => policy.is_destructive(permission),
            Kind::Role(role) => policy.has_destructive(role),
            _ => false,
        })
    }

    fn any_part(&self, matches: &impl Fn(&Kind) -> bool) -> bool {
        match &self.0 {
            Kind::AnyOf(parts) | Kind::AllOf(parts) => {
                parts.iter().any(|part| part.any_part(matches))
            }
            kind => matches(kind),
        }
    }

    /// Returns whether an override of the policy is enough to meet the requirement. An override
    /// replaces roles, permissions and ownership, but not a recent password.
    fn allows_override(&self, principal: &Principal, context: &AccessContext) -> bool {
        let allows = |part: &Self| part.allows_override(principal, context);
        match &self.0 {
            Kind::Authenticated | Kind::Role(_) | Kind::Permission(_) | Kind::Owner => true,
            Kind::StepUp(max_age) => is_recent(principal, context.now, *max_age),
            Kind::AnyOf(parts) => parts.iter().any(allows),
            Kind::AllOf(parts) => !parts.is_empty() && parts.iter().all(allows),
        }
    }

    fn check(
        &self,
        policy: &Policy,
        principal: &Principal,
        context: &AccessContext,
    ) -> Result<(), Denial> {
        let check = |part: &Self| part.check(policy, principal, context);
        match &self.0 {
            Kind::Authenticated => Ok(()),
            Kind::Role(role) if principal.roles().contains(role) => Ok(()),
            Kind::Role(role) => Err(Denial::Role(role.clone())),
            Kind::Permission(permission) if policy.permits(principal.roles(), permission) => Ok(()),
            Kind::Permission(permission) => Err(Denial::Permission(permission.clone())),
            Kind::AnyOf(parts) if parts.iter().any(|part| check(part).is_ok()) => Ok(()),
            Kind::AnyOf(_) => Err(Denial::NoneOf),
            Kind::AllOf(parts) if parts.is_empty() => Err(Denial::NoRequirement),
            Kind::AllOf(parts) => parts.iter().try_for_each(check),
            Kind::Owner if context.is_owner => Ok(()),
            Kind::Owner => Err(Denial::NotOwner),
            Kind::StepUp(max_age) if is_recent(principal, context.now, *max_age) => Ok(()),
            Kind::StepUp(_) => Err(Denial::StepUpRequired),
        }
    }
}

fn is_recent(principal: &Principal, now: Option<Timestamp>, max_age: Duration) -> bool {
    let verified_at = principal.session().map(|view| view.session.authenticated_at);
    let age = verified_at.zip(now).map(|(verified_at, now)| time::elapsed(verified_at, now));
    age.is_some_and(|age| age < max_age)
}

/// The only methods that create a [`Permit`].
impl Policy {
    /// Decides whether a principal meets a requirement.
    ///
    /// # Errors
    /// The [`Denial`], with the requirement that is not met.
    pub fn decide(
        &self,
        principal: &Principal,
        requirement: &Requirement,
        context: &AccessContext,
    ) -> Result<Permit, Denial> {
        requirement.check(self, principal, context)?;
        Ok(Permit::new(principal.clone(), None))
    }

    /// Decides whether a principal may override the denial of a requirement.
    pub(super) fn decide_override(
        &self,
        principal: &Principal,
        requirement: &Requirement,
        context: &AccessContext,
        reason: OverrideReason,
    ) -> Option<Permit> {
        let is_allowed = !requirement.includes_destruction(self)
            && requirement.allows_override(principal, context)
            && self.permits(principal.roles(), &Permission::built_in("policy:override"));
        is_allowed.then(|| Permit::new(principal.clone(), Some(reason)))
    }
}
