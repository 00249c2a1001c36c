//! What a route requires of a principal, and the decision whether it is met.

use std::time::Duration;

use super::{Denial, Permission, Permit, Policy, RoleName, StepUp};
use crate::audit::OverrideReason;
use crate::{Principal, Timestamp};

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
/// let recently = Requirement::fresh(Duration::from_secs(300));
/// let all = Requirement::all_of([owner_or_reader, recently, Requirement::second_factor()]);
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
    Fresh(Duration),
    SecondFactor,
}

/// The facts about a request that a decision needs besides the principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessContext {
    /// Whether the principal owns the requested resource.
    pub is_owner: bool,
    /// The current time, for [`Requirement::fresh`], which is never met with `None`.
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

    /// Requires a session whose user was authenticated less than `max_age` ago: at the login, or by a
    /// factor since then. Workloads never meet it.
    ///
    /// If this alone is not met, the rejection is a 401 with `authentication_too_old` and the
    /// `max_age` (RFC 9470): the client authenticates its user further, and repeats the request.
    #[must_use]
    pub const fn fresh(max_age: Duration) -> Self {
        Self(Kind::Fresh(max_age))
    }

    /// Requires a session in which the user has presented a second factor. Workloads never meet it.
    ///
    /// If this alone is not met, the rejection is a 401 with `second_factor_required` (RFC 9470).
    /// Policies can require it of [roles](Policy::with_second_factor) instead.
    #[must_use]
    pub const fn second_factor() -> Self {
        Self(Kind::SecondFactor)
    }

    pub(super) fn needs_time(&self) -> bool {
        self.any_part(&|kind| matches!(kind, Kind::Fresh(_)))
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
    /// replaces roles, permissions and ownership, but not how the user was authenticated.
    fn allows_override(&self, principal: &Principal, context: &AccessContext) -> bool {
        let allows = |part: &Self| part.allows_override(principal, context);
        match &self.0 {
            Kind::Authenticated | Kind::Role(_) | Kind::Permission(_) | Kind::Owner => true,
            Kind::Fresh(_) | Kind::SecondFactor => self.check_session(principal, context).is_ok(),
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
            Kind::AnyOf(parts) => Err(step_up(parts.iter().map(check)).unwrap_or(Denial::NoneOf)),
            Kind::AllOf(parts) if parts.is_empty() => Err(Denial::NoRequirement),
            Kind::AllOf(parts) => check_all(parts.iter().map(check)),
            Kind::Owner if context.is_owner => Ok(()),
            Kind::Owner => Err(Denial::NotOwner),
            Kind::Fresh(_) | Kind::SecondFactor => self.check_session(principal, context),
        }
    }

    /// Checks how the user of a session was authenticated.
    fn check_session(&self, principal: &Principal, context: &AccessContext) -> Result<(), Denial> {
        let session = &principal.session().ok_or(Denial::NoSession)?.session;
        match &self.0 {
            Kind::Fresh(max_age) if session.is_fresh(*max_age, context.now) => Ok(()),
            Kind::Fresh(max_age) => Err(StepUp::Fresh { max_age: *max_age }.into()),
            Kind::SecondFactor => check_second_factor(principal),
            _ => Ok(()),
        }
    }
}

/// Checks all results. What the user cannot change takes precedence over a step-up, which would be
/// in vain.
fn check_all(results: impl Iterator<Item = Result<(), Denial>>) -> Result<(), Denial> {
    let mut step_up = Ok(());
    for result in results {
        match result {
            Err(denial @ Denial::StepUp(_)) => step_up = step_up.and(Err(denial)),
            other => other?,
        }
    }
    step_up
}

/// Returns the first step-up that would be enough.
fn step_up(mut results: impl Iterator<Item = Result<(), Denial>>) -> Option<Denial> {
    results.find_map(|result| result.err().filter(|denial| matches!(denial, Denial::StepUp(_))))
}

fn check_second_factor(principal: &Principal) -> Result<(), Denial> {
    let view = principal.session().ok_or(Denial::NoSession)?;
    let has = view.session.methods.has_second_factor();
    if has { Ok(()) } else { Err(StepUp::SecondFactor.into()) }
}

/// The only methods that create a [`Permit`].
impl Policy {
    /// Decides whether a principal meets a requirement, and has presented a second factor if one of
    /// its roles [needs](Self::with_second_factor) it.
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
        self.check_second_factor(principal)?;
        Ok(Permit::new(principal.clone(), None))
    }

    /// Checks that a user whose roles need a second factor has presented one.
    fn check_second_factor(&self, principal: &Principal) -> Result<(), Denial> {
        let is_user = principal.session().is_some();
        let needs = is_user && self.needs_second_factor(principal.roles());
        if needs { check_second_factor(principal) } else { Ok(()) }
    }

    /// Decides whether a principal may override the denial of a requirement.
    pub(super) fn decide_override(
        &self,
        principal: &Principal,
        requirement: &Requirement,
        context: &AccessContext,
        reason: OverrideReason,
    ) -> Option<Permit> {
        let is_allowed = self.check_second_factor(principal).is_ok()
            && !requirement.includes_destruction(self)
            && requirement.allows_override(principal, context)
            && self.permits(principal.roles(), &Permission::built_in("policy:override"));
        is_allowed.then(|| Permit::new(principal.clone(), Some(reason)))
    }
}
