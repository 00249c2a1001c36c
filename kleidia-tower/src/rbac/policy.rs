//! The permissions of roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::LazyLock;

use super::{Permission, RoleName};

/// Grants permissions to roles. A permission that no role grants is denied to all. Cheap to clone.
///
/// The default has two roles. `admin` has every permission that is not
/// [destructive](Permission::destructive), including permissions that only the service knows.
/// `user` has no permissions: use [`Requirement::owner`](super::Requirement::owner) for resources
/// of the user.
///
/// Only roles of the policy can be assigned to accounts, by principals with `roles:assign`, who
/// cannot assign roles that grant more than they have: see [`RoleRules`](super::RoleRules).
///
/// ```
/// use kleidia_tower::rbac::{Policy, RoleName};
///
/// let auditor: RoleName = "auditor".parse()?;
/// let policy = Policy::default().with_role(auditor.clone(), ["audit:read".parse()?]);
/// assert!(policy.permits([&auditor], &"audit:read".parse()?));
/// assert!(!policy.permits([&auditor], &"users:read".parse()?));
/// assert!(policy.permits([&RoleName::admin()], &"users:read".parse()?));
/// assert!(!policy.permits([&RoleName::admin()], &"users:delete".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Arc<Inner>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Inner {
    roles: BTreeMap<RoleName, Grants>,
    destructive: BTreeSet<Permission>,
    /// The roles that need a second factor.
    second_factor: BTreeSet<RoleName>,
}

/// The permissions of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Grants {
    AllExceptDestructive,
    Listed(BTreeSet<Permission>),
}

/// The permissions that this crate requires.
const BUILT_IN: [&str; 10] = [
    "audit:read",
    "factors:remove",
    "policy:override",
    "roles:assign",
    "sessions:revoke",
    "users:create",
    "users:read",
    "users:recover",
    "users:unlock",
    "users:update",
];

impl Policy {
    /// Returns a policy without roles, which denies everything.
    #[must_use]
    pub fn empty() -> Self {
        static EMPTY: LazyLock<Policy> = LazyLock::new(|| Policy(Arc::default()));
        EMPTY.clone()
    }

    /// Adds a role with these permissions, or replaces it. Only such a role can have a
    /// [destructive](Permission::destructive) permission.
    #[must_use]
    pub fn with_role(
        self,
        role: RoleName,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        let permissions: BTreeSet<_> = permissions.into_iter().collect();
        self.with_destructive(permissions.iter().filter(|name| name.is_destructive()).cloned())
            .with(role, Grants::Listed(permissions))
    }

    /// Adds a role with every permission that is not destructive, or replaces it.
    #[must_use]
    pub fn with_admin_role(self, role: RoleName) -> Self {
        self.with(role, Grants::AllExceptDestructive)
    }

    /// Makes permissions of these names destructive for all requirements and roles, also where they
    /// were not created by [`Permission::destructive`].
    #[must_use]
    pub fn with_destructive(mut self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        Arc::make_mut(&mut self.0).destructive.extend(permissions);
        self
    }

    /// Requires a second factor of users with one of these roles; of none by default.
    ///
    /// Every [decision](Self::decide) about such a user, so every route behind an
    /// [`RbacLayer`](super::RbacLayer), is then a 401 with `second_factor_required` until the user has
    /// presented one in the session. [`JwtSessionLayer`](crate::session::JwtSessionLayer) alone does
    /// not know the policy: that leaves the routes on which users enrol and present factors, and those
    /// that end sessions. Workloads with such a role are allowed.
    ///
    /// ```
    /// use kleidia_tower::rbac::{Policy, RoleName};
    ///
    /// let policy = Policy::default().with_second_factor([RoleName::admin()]);
    /// assert!(policy.needs_second_factor([&RoleName::admin()]));
    /// assert!(!policy.needs_second_factor([&RoleName::user()]));
    /// ```
    #[must_use]
    pub fn with_second_factor(mut self, roles: impl IntoIterator<Item = RoleName>) -> Self {
        Arc::make_mut(&mut self.0).second_factor.extend(roles);
        self
    }

    /// Returns whether users with these roles need a second factor.
    #[must_use]
    pub fn needs_second_factor<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> bool {
        let needed = &self.0.second_factor;
        !needed.is_empty() && roles.into_iter().any(|role| needed.contains(role))
    }

    fn with(mut self, role: RoleName, grants: Grants) -> Self {
        Arc::make_mut(&mut self.0).roles.insert(role, grants);
        self
    }

    /// Returns whether the policy has this role.
    #[must_use]
    pub fn has_role(&self, role: &RoleName) -> bool {
        self.0.roles.contains_key(role)
    }

    /// Returns whether a permission is destructive by itself or by the policy.
    #[must_use]
    pub fn is_destructive(&self, permission: &Permission) -> bool {
        permission.is_destructive() || self.0.destructive.contains(permission)
    }

    /// Returns whether a role lists a destructive permission.
    pub(super) fn has_destructive(&self, role: &RoleName) -> bool {
        match self.0.roles.get(role) {
            Some(Grants::Listed(permissions)) => {
                permissions.iter().any(|name| self.is_destructive(name))
            }
            Some(Grants::AllExceptDestructive) | None => false,
        }
    }

    /// Returns whether one of the roles grants the permission.
    #[must_use]
    pub fn permits<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
        permission: &Permission,
    ) -> bool {
        let mut grants = roles.into_iter().filter_map(|role| self.0.roles.get(role));
        grants.any(|grants| match grants {
            Grants::AllExceptDestructive => !self.is_destructive(permission),
            Grants::Listed(permissions) => permissions.contains(permission),
        })
    }

    /// Returns whether roles together grant everything that a role grants.
    pub(crate) fn grant_all_of(&self, roles: &BTreeSet<RoleName>, role: &RoleName) -> bool {
        match self.0.roles.get(role) {
            Some(Grants::AllExceptDestructive) => roles.iter().any(|held| self.is_admin_role(held)),
            Some(Grants::Listed(permissions)) => {
                permissions.iter().all(|permission| self.permits(roles, permission))
            }
            None => false,
        }
    }

    /// Returns the roles of administrators: those with every permission, or else `admin`.
    pub(super) fn admin_roles(&self) -> BTreeSet<RoleName> {
        let roles = self.0.roles.keys().filter(|role| self.is_admin_role(role));
        let roles: BTreeSet<_> = roles.cloned().collect();
        if roles.is_empty() { [RoleName::admin()].into() } else { roles }
    }

    fn is_admin_role(&self, role: &RoleName) -> bool {
        matches!(self.0.roles.get(role), Some(Grants::AllExceptDestructive))
    }

    /// Returns the permissions that these roles grant, of those that this policy or this crate
    /// names.
    #[must_use]
    pub fn permissions(&self, roles: &BTreeSet<RoleName>) -> BTreeSet<Permission> {
        let listed = self.0.roles.values().filter_map(|grants| match grants {
            Grants::Listed(permissions) => Some(permissions),
            Grants::AllExceptDestructive => None,
        });
        let named = listed.flatten().cloned().chain(BUILT_IN.map(Permission::built_in));
        named.filter(|permission| self.permits(roles, permission)).collect()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::empty().with_admin_role(RoleName::admin()).with_role(RoleName::user(), [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_has_every_permission_that_does_not_destroy() {
        let policy = Policy::default();
        let admin = BTreeSet::from([RoleName::admin()]);
        let names = policy.permissions(&admin);
        assert_eq!(names.iter().map(Permission::as_str).collect::<Vec<_>>(), BUILT_IN);
        for name in ["users:delete", "audit:delete", "anything:delete"] {
            assert!(!policy.permits(&admin, &name.parse().unwrap()), "{name}");
        }
        assert!(policy.permissions(&[RoleName::user()].into()).is_empty());
        assert!(!Policy::empty().permits(&admin, &"users:read".parse().unwrap()));
    }

    #[test]
    fn requirement_or_policy_makes_a_permission_destructive() {
        let (plain, purge) =
            ("users:purge".parse().unwrap(), Permission::destructive("users:purge").unwrap());
        let roles = |name: &str| BTreeSet::from([name.parse().unwrap()]);
        let purger = || "purger".parse().unwrap();
        for (policy, permission) in [
            (Policy::default(), &purge),
            (Policy::default().with_role(purger(), [purge.clone()]), &plain),
            (Policy::default().with_destructive([plain.clone()]), &plain),
        ] {
            assert!(!policy.permits(&roles("admin"), permission), "{policy:?}");
            assert!(!policy.permissions(&roles("admin")).contains(permission), "{policy:?}");
        }
        for listed in [&plain, &purge] {
            let policy = Policy::default().with_role(purger(), [listed.clone()]);
            assert!(policy.permits(&roles("purger"), &plain));
            assert!(policy.permits(&roles("purger"), &purge));
        }
    }
}
