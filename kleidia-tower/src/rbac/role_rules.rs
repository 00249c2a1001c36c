//! The rules for changes of roles, which stores check in the transaction of the change.

use std::collections::BTreeSet;

use super::{Denial, Permission, Policy, RoleName};
use crate::account::Account;
use crate::{Principal, UserId};

/// The rules for roles of accounts: who may assign which, and that an administrator remains.
///
/// 1. Only roles of the policy are assigned.
/// 2. A principal needs `roles:assign` to change roles, or to create an account with other roles
///    than `user`.
/// 3. A principal assigns no role that grants more than the principal has. Enabling an account is
///    as creating it with its roles.
/// 4. At least one enabled account has a role with
///    [every permission](Policy::with_admin_role), or, if the policy has none, the role `admin`.
///    The last such account is neither disabled nor loses the role.
///
/// Stores check them in the transaction of a change, against the accounts that they see there: see
/// [`AccountStore`](crate::account::AccountStore). Rules 1 and 3 apply to roles that the account
/// does not have yet.
#[derive(Clone, Debug)]
pub struct RoleRules {
    policy: Policy,
    assigner: Assigner,
}

/// The account that assigns roles.
#[derive(Clone, Debug)]
enum Assigner {
    Operator,
    /// The roles of the account in the store decide.
    User(UserId),
    Workload(BTreeSet<RoleName>),
}

/// Why roles are not changed, or an account is not disabled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleChangeError {
    /// The policy does not have these roles.
    #[error("unknown roles: {}", .0.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", "))]
    UnknownRoles(BTreeSet<RoleName>),
    /// The principal may not assign these roles.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// No enabled administrator would remain.
    #[error("the last enabled administrator")]
    LastAdmin,
}

impl RoleRules {
    /// Returns the rules for changes without a principal, such as on a command line: rules 2 and 3
    /// do not apply.
    #[must_use]
    pub const fn for_operator(policy: Policy) -> Self {
        Self { policy, assigner: Assigner::Operator }
    }

    /// Returns the rules for changes by a principal.
    #[must_use]
    pub fn for_principal(policy: Policy, principal: &Principal) -> Self {
        match principal.user_id() {
            Some(id) => Self::for_user(policy, id),
            None => Self { policy, assigner: Assigner::Workload(principal.roles().clone()) },
        }
    }

    /// Returns the rules for changes by a user.
    #[must_use]
    pub const fn for_user(policy: Policy, id: UserId) -> Self {
        Self { policy, assigner: Assigner::User(id) }
    }

    /// Returns the account whose current roles limit what may be assigned. A store loads it in the
    /// transaction, for [`check_roles`](Self::check_roles).
    #[must_use]
    pub const fn assigner(&self) -> Option<UserId> {
        match self.assigner {
            Assigner::User(id) => Some(id),
            Assigner::Operator | Assigner::Workload(_) => None,
        }
    }

    /// Checks rules 1 to 3 for a change of roles. `assigner` is the account of
    /// [`Self::assigner`], and `before` is `None` for a new account.
    ///
    /// # Errors
    /// [`RoleChangeError::UnknownRoles`], [`RoleChangeError::Denied`].
    pub fn check_roles(
        &self,
        assigner: Option<&Account>,
        before: Option<&BTreeSet<RoleName>>,
        after: &BTreeSet<RoleName>,
    ) -> Result<(), RoleChangeError> {
        if before == Some(after) {
            return Ok(());
        }
        let none = BTreeSet::new();
        let held = match &self.assigner {
            Assigner::Operator => None,
            Assigner::Workload(roles) => Some(roles),
            // The assigner may have been disabled since the request was authenticated.
            Assigner::User(_) => {
                let assigner = assigner.filter(|account| !account.is_disabled);
                Some(assigner.map_or(&none, |account| &account.roles))
            }
        };
        let is_default = before.is_none() && after.iter().all(|role| *role == RoleName::user());
        let assign = Permission::built_in("roles:assign");
        if !is_default && held.is_some_and(|held| !self.policy.permits(held, &assign)) {
            return Err(Denial::Permission(assign).into());
        }
        let added = || after.difference(before.unwrap_or(&none));
        let unknown = added().filter(|role| !self.policy.has_role(role));
        let unknown: BTreeSet<_> = unknown.cloned().collect();
        if !unknown.is_empty() {
            return Err(RoleChangeError::UnknownRoles(unknown));
        }
        let is_excessive =
            |role: &&RoleName| held.is_some_and(|held| !self.policy.grant_all_of(held, role));
        added()
            .find(is_excessive)
            .map_or(Ok(()), |role| Err(Denial::ExcessiveRole(role.clone()).into()))
    }

    /// Checks rules 1 to 3 for a change of an account: of its roles, and if it is enabled, also of
    /// those that it has again. `assigner` is the account of [`Self::assigner`].
    ///
    /// # Errors
    /// [`RoleChangeError::UnknownRoles`], [`RoleChangeError::Denied`].
    pub fn check_change(
        &self,
        assigner: Option<&Account>,
        before: &Account,
        after: &Account,
    ) -> Result<(), RoleChangeError> {
        self.check_roles(assigner, Some(&before.roles), &after.roles)?;
        if !before.is_disabled || after.is_disabled {
            return Ok(());
        }
        // Roles that the policy no longer has grant nothing.
        let granted = after.roles.iter().filter(|role| self.policy.has_role(role));
        self.check_roles(assigner, None, &granted.cloned().collect())
    }

    /// Checks that the assigner may take over an account, as who issues its recovery code can: rules 2
    /// and 3, as if the account was created with its roles.
    ///
    /// # Errors
    /// [`RoleChangeError::Denied`].
    pub fn check_recovery(
        &self,
        assigner: Option<&Account>,
        account: &Account,
    ) -> Result<(), RoleChangeError> {
        // Roles that the policy no longer has grant nothing.
        let granted = account.roles.iter().filter(|role| self.policy.has_role(role));
        self.check_roles(assigner, None, &granted.cloned().collect())
    }

    /// Returns the roles of administrators, of which rule 4 keeps one: if a change
    /// [removes](Self::removes_admin) one, another enabled account must have one of these roles,
    /// or the change fails with [`RoleChangeError::LastAdmin`].
    #[must_use]
    pub fn admin_roles(&self) -> BTreeSet<RoleName> {
        self.policy.admin_roles()
    }

    /// Returns whether an account is an enabled administrator before a change, and not after it.
    #[must_use]
    pub fn removes_admin(&self, before: &Account, after: &Account) -> bool {
        let roles = self.admin_roles();
        let is_admin =
            |account: &Account| !account.is_disabled && !account.roles.is_disjoint(&roles);
        is_admin(before) && !is_admin(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn roles(names: &[&str]) -> BTreeSet<RoleName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn account(names: &[&str], is_disabled: bool) -> Account {
        let (id, name) = (UserId::new(1), "alice".parse().unwrap());
        let at = Timestamp::UNIX_EPOCH;
        let roles = roles(names);
        Account {
            id,
            name,
            roles,
            is_disabled,
            must_change_password: false,
            is_erased: false,
            created_at: at,
            password_changed_at: at,
        }
    }

    fn policy() -> Policy {
        let listed = |names: &[&str]| -> Vec<Permission> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        Policy::default()
            .with_role("helpdesk".parse().unwrap(), listed(&["roles:assign", "users:update"]))
            .with_role("unlocker".parse().unwrap(), listed(&["users:unlock"]))
            .with_role("updater".parse().unwrap(), listed(&["users:update"]))
            .with_role("purger".parse().unwrap(), [Permission::destructive("x:purge").unwrap()])
    }

    #[test]
    fn grants_no_more_than_the_assigner_has() {
        let rules = RoleRules::for_user(policy(), UserId::new(1));
        for (held, before, after, is_allowed) in [
            (&["admin"][..], &["user"][..], &["user", "admin", "helpdesk"][..], true),
            (&["admin"], &["user"], &["user", "purger"], false),
            (&["admin", "purger"], &["user"], &["admin", "purger"], true),
            (&["helpdesk"], &["user"], &["user", "updater"], true),
            (&["helpdesk"], &["user"], &["helpdesk"], true),
            (&["helpdesk"], &["user"], &["unlocker"], false),
            (&["helpdesk", "unlocker"], &["user"], &["unlocker"], true),
            (&["helpdesk"], &["user"], &["admin"], false),
            (&["helpdesk"], &["admin", "user"], &["user"], true),
            (&["helpdesk"], &["admin"], &["admin", "updater"], true),
            (&["updater", "unlocker"], &["user"], &["user", "updater"], false),
            (&["updater"], &["user"], &[], false),
            (&[], &["user"], &["user"], true),
        ] {
            let (before, after) = (roles(before), roles(after));
            let checked = rules.check_roles(Some(&account(held, false)), Some(&before), &after);
            assert_eq!(checked.is_ok(), is_allowed, "{held:?}: {before:?} to {after:?}");
            let disabled = rules.check_roles(Some(&account(held, true)), Some(&before), &after);
            assert_eq!(disabled.is_ok(), before == after, "disabled {held:?}");
        }
        for (after, is_allowed) in [(&["user"][..], true), (&[], true), (&["updater"], false)] {
            let creator = account(&["updater"], false);
            let checked = rules.check_roles(Some(&creator), None, &roles(after));
            assert_eq!(checked.is_ok(), is_allowed, "a new account with {after:?}");
        }
    }

    #[test]
    fn enabling_an_account_assigns_its_roles() {
        let rules = RoleRules::for_user(policy(), UserId::new(1));
        for (held, roles, is_allowed) in [
            (&["updater"][..], &["user"][..], true),
            (&["updater"], &["user", "ghost"], true),
            (&["updater"], &["admin"], false),
            (&["updater"], &["updater"], false),
            (&["helpdesk", "unlocker"], &["unlocker"], true),
            (&["helpdesk"], &["admin"], false),
            (&["admin"], &["admin", "user"], true),
        ] {
            let (assigner, before) = (account(held, false), account(roles, true));
            let check = |after: &Account| rules.check_change(Some(&assigner), &before, after);
            assert_eq!(check(&account(roles, false)).is_ok(), is_allowed, "{held:?}: {roles:?}");
            assert_eq!(check(&before), Ok(()), "it stays disabled");
            let check = |before| rules.check_change(Some(&assigner), before, &account(roles, true));
            assert_eq!(check(&account(roles, false)), Ok(()), "it is disabled");
        }
    }

    #[test]
    fn assigns_roles_of_the_policy_only() {
        let rules = RoleRules::for_operator(policy());
        let check = |before: &[&str], after: &[&str]| {
            rules.check_roles(None, Some(&roles(before)), &roles(after))
        };
        let unknown = RoleChangeError::UnknownRoles(roles(&["ghost"]));
        assert_eq!(check(&["user"], &["user", "ghost"]), Err(unknown.clone()));
        assert_eq!(rules.check_roles(None, None, &roles(&["ghost"])), Err(unknown));
        assert_eq!(check(&["ghost"], &["ghost", "admin"]), Ok(()), "the account had it before");
    }

    #[test]
    fn administrators_have_a_role_with_every_permission() {
        let root = "root".parse().unwrap();
        for (policy, expected) in [
            (Policy::default(), "admin"),
            (Policy::empty(), "admin"),
            (Policy::empty().with_admin_role(root), "root"),
        ] {
            let rules = RoleRules::for_operator(policy);
            assert_eq!(rules.admin_roles(), roles(&[expected]));
            let (admin, user) = (account(&[expected], false), account(&["user"], false));
            assert!(rules.removes_admin(&admin, &user));
            assert!(rules.removes_admin(&admin, &account(&[expected], true)));
            assert!(!rules.removes_admin(&user, &admin) && !rules.removes_admin(&admin, &admin));
            assert!(!rules.removes_admin(&account(&[expected], true), &user));
        }
    }
}
