//! The permissions of roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::LazyLock;

use super::{Permission, RoleName};

/// Grants permissions to roles. A permission that no role grants is denied to all. Cheap to clone.
///
/// The default has two roles. `admin` has every permission except deletion (those with the action
/// `delete`), including permissions that only the service knows. `user` has no permissions: use
/// [`Requirement::owner`](super::Requirement::owner) for resources of the user.
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
pub struct Policy {
    roles: Arc<BTreeMap<RoleName, Grants>>,
}

/// The permissions of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Grants {
    AllExceptDelete,
    Listed(BTreeSet<Permission>),
}

/// The permissions that this crate requires.
const BUILT_IN: [&str; 7] = [
    "audit:read",
    "policy:override",
    "sessions:revoke",
    "users:create",
    "users:read",
    "users:unlock",
    "users:update",
];

impl Policy {
    /// Returns a policy without roles, which denies everything.
    #[must_use]
    pub fn empty() -> Self {
        static EMPTY: LazyLock<Policy> = LazyLock::new(|| Policy { roles: Arc::default() });
        EMPTY.clone()
    }

    /// Adds a role with these permissions, or replaces it.
    #[must_use]
    pub fn with_role(
        self,
        role: RoleName,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Self {
        self.with(role, Grants::Listed(permissions.into_iter().collect()))
    }

    /// Adds a role with every permission except deletion, or replaces it.
    #[must_use]
    pub fn with_admin_role(self, role: RoleName) -> Self {
        self.with(role, Grants::AllExceptDelete)
    }

    fn with(mut self, role: RoleName, grants: Grants) -> Self {
        Arc::make_mut(&mut self.roles).insert(role, grants);
        self
    }

    /// Returns whether one of the roles grants the permission.
    #[must_use]
    pub fn permits<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
        permission: &Permission,
    ) -> bool {
        let mut grants = roles.into_iter().filter_map(|role| self.roles.get(role));
        grants.any(|grants| grants.has(permission))
    }

    /// Returns the permissions that these roles grant, of those that this policy or this crate
    /// names.
    #[must_use]
    pub fn permissions(&self, roles: &BTreeSet<RoleName>) -> BTreeSet<Permission> {
        let listed = self.roles.values().filter_map(|grants| match grants {
            Grants::Listed(permissions) => Some(permissions),
            Grants::AllExceptDelete => None,
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

impl Grants {
    fn has(&self, permission: &Permission) -> bool {
        match self {
            Self::AllExceptDelete => permission.action() != "delete",
            Self::Listed(permissions) => permissions.contains(permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_has_every_permission_except_deletion() {
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
}
