//! Which roles carry which permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::LazyLock;

use super::{Permission, RoleName};

/// Which roles carry which permissions; what no role carries is permitted to nobody. Cheap to clone.
///
/// The default has two roles. An `admin` may do everything but delete, whatever the permissions of
/// the service are. A `user` has no permissions: what is one's own is asked for by
/// [`Requirement::own`](super::Requirement::own).
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
    roles: Arc<BTreeMap<RoleName, Carried>>,
}

/// The permissions of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Carried {
    /// Everything but deletion.
    AllButDeletion,
    /// These.
    Listed(BTreeSet<Permission>),
}

/// The permissions that the routes of this crate ask for.
const OURS: [&str; 7] = [
    "audit:read",
    "policy:override",
    "sessions:revoke",
    "users:create",
    "users:read",
    "users:unlock",
    "users:update",
];

impl Policy {
    /// A policy without roles: nobody may do anything.
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
        self.with(role, Carried::Listed(permissions.into_iter().collect()))
    }

    /// Adds a role that may do everything but delete, or replaces it.
    #[must_use]
    pub fn with_admin_role(self, role: RoleName) -> Self {
        self.with(role, Carried::AllButDeletion)
    }

    fn with(mut self, role: RoleName, carried: Carried) -> Self {
        Arc::make_mut(&mut self.roles).insert(role, carried);
        self
    }

    /// Whether one of the roles carries the permission.
    #[must_use]
    pub fn permits<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a RoleName>,
        permission: &Permission,
    ) -> bool {
        let carried = roles.into_iter().filter_map(|role| self.roles.get(role));
        carried.into_iter().any(|carried| carried.has(permission))
    }

    /// The permissions that these roles carry, of those that this policy or this crate names.
    #[must_use]
    pub fn permissions(&self, roles: &BTreeSet<RoleName>) -> BTreeSet<Permission> {
        let listed = self.roles.values().filter_map(|carried| match carried {
            Carried::Listed(permissions) => Some(permissions),
            Carried::AllButDeletion => None,
        });
        let named = listed.flatten().cloned().chain(OURS.map(Permission::of_ours));
        named.filter(|permission| self.permits(roles, permission)).collect()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::empty().with_admin_role(RoleName::admin()).with_role(RoleName::user(), [])
    }
}

impl Carried {
    fn has(&self, permission: &Permission) -> bool {
        match self {
            Self::AllButDeletion => permission.action() != "delete",
            Self::Listed(permissions) => permissions.contains(permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_may_do_everything_but_delete() {
        let policy = Policy::default();
        let admin = BTreeSet::from([RoleName::admin()]);
        let names = policy.permissions(&admin);
        assert_eq!(names.iter().map(Permission::as_str).collect::<Vec<_>>(), OURS);
        for name in ["users:delete", "audit:delete", "anything:delete"] {
            assert!(!policy.permits(&admin, &name.parse().unwrap()), "{name}");
        }
        assert!(policy.permissions(&[RoleName::user()].into()).is_empty());
        assert!(!Policy::empty().permits(&admin, &"users:read".parse().unwrap()));
    }
}
