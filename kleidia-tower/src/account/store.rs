//! The store trait for accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Account, ImportMode, ImportResult, ImportedAccount, OneTimeCode, PasswordHash, Profile,
    StoredPassword,
};
use crate::rbac::{RoleChangeError, RoleName, RoleRules};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{SessionId, UserId, UserName};

/// Stores accounts. Each method is one atomic change together with its audit events.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Returns the account with this id.
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError>;

    /// Returns an account and its hashed passwords.
    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError>;

    /// Returns at most `limit` accounts with ids greater than `after`, ordered by id.
    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError>;

    /// Returns the distinct [parameters](PasswordHash::parameters) of the current hashes of all
    /// accounts. Every login reads them, so it must be as fast as a lookup.
    async fn password_parameters(&self) -> Result<Vec<String>, StoreError>;

    /// Creates an account. Records `user.created`, and `recovery.issued` if it has a code.
    ///
    /// Checks the roles by [`RoleRules::check_roles`], with the account of the assigner as the
    /// transaction sees it.
    async fn create_account(
        &self,
        new: NewAccount,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;

    /// Creates accounts of another system, and returns what became of each, in order. Records
    /// `user.created` ([`Reason::Imported`](crate::audit::Reason)), and `user.disabled` for those
    /// that are created disabled.
    ///
    /// Checks the roles by [`RoleRules::check_roles`]. With [`ImportMode::Check`], nothing is changed
    /// or recorded.
    async fn import_accounts(
        &self,
        accounts: Vec<ImportedAccount>,
        mode: ImportMode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<ImportResult>>, StoreError>;

    /// Disables or enables an account or changes its roles.
    ///
    /// Checks the change by [`RoleRules::check_change`], with the account of the assigner as the
    /// transaction sees it. If the change
    /// [removes](RoleRules::removes_admin) an administrator, it also checks in the same transaction
    /// that another one is enabled; so of concurrent changes that would remove the last ones, one
    /// fails.
    ///
    /// Records `user.disabled`, `user.enabled` and `role.changed` for actual changes only.
    /// Disabling ends all sessions ([`EndReason::Disabled`](crate::session::EndReason)), revokes all
    /// families of refresh tokens, and deletes all one-time codes.
    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;

    /// Replaces a password; returns `false` if the current hash is not the expected one.
    ///
    /// It no longer requires a change of the password. Ends all sessions of the user except the
    /// kept one, revokes all families of refresh tokens, deletes the codes of recovery and of logins
    /// that lack a second factor, and records `password.changed` and one `session.ended` per ended
    /// session.
    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError>;
}

/// Why an account is not created or changed. Nothing was changed, and nothing is recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountChangeError {
    /// Another account has this user name.
    #[error("user name already exists")]
    UserNameTaken,
    /// The account is disabled.
    #[error("account disabled")]
    UserDisabled,
    /// The account is enabled, and only a disabled one is erased.
    #[error("account enabled")]
    UserEnabled,
    /// The personal data of the account is erased, so it stays as it is.
    #[error("account erased")]
    UserErased,
    /// No account has this id.
    #[error("user not found")]
    UserNotFound,
    /// The change violates the rules for roles.
    #[error(transparent)]
    Roles(#[from] RoleChangeError),
}

/// The key of an account lookup.
#[derive(Clone, Copy, Debug)]
pub enum AccountLookup<'a> {
    /// The id.
    Id(UserId),
    /// The user name.
    Name(&'a UserName),
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The user name.
    pub name: UserName,
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// The hashed password.
    pub password: PasswordHash,
    /// Whether the user has to change the password before anything else.
    pub must_change_password: bool,
    /// The personal data.
    pub profile: Profile,
    /// A code with which the owner sets the first password. The account that it names is ignored.
    pub code: Option<OneTimeCode>,
}

impl NewAccount {
    /// Creates an account without personal data, whose user keeps the password.
    #[must_use]
    pub fn new(name: UserName, roles: BTreeSet<RoleName>, password: PasswordHash) -> Self {
        let (must_change_password, profile) = (false, Profile::default());
        Self { name, roles, password, must_change_password, profile, code: None }
    }
}

/// A change of an account; `None` leaves a value unchanged.
#[derive(Clone, Debug, Default)]
pub struct AccountUpdate {
    /// Whether the account is disabled.
    pub is_disabled: Option<bool>,
    /// The complete set of roles.
    pub roles: Option<BTreeSet<RoleName>>,
}

impl AccountUpdate {
    /// Returns the account after this change.
    pub(crate) fn apply_to(&self, account: &Account) -> Account {
        Account {
            roles: self.roles.clone().unwrap_or_else(|| account.roles.clone()),
            is_disabled: self.is_disabled.unwrap_or(account.is_disabled),
            ..account.clone()
        }
    }
}

/// A change of a password.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// The user.
    pub user: UserId,
    /// The hash that the current password was verified against.
    pub expected_hash: PasswordHash,
    /// The hash of the new password.
    pub new: PasswordHash,
    /// How many previous hashes to keep.
    pub history: usize,
    /// The session that stays active.
    pub kept_session: Option<SessionId>,
}
