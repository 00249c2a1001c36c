//! The store trait for accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Account, PasswordHash, StoredPassword};
use crate::rbac::RoleName;
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
    /// accounts. Every login reads them, so it must be as fast as a look-up.
    async fn password_parameters(&self) -> Result<Vec<String>, StoreError>;

    /// Creates an account, or returns `None` if the user name exists. Records `user.created`.
    async fn create_account(
        &self,
        new: NewAccount,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError>;

    /// Disables or enables an account or changes its roles; returns `None` if it does not exist.
    ///
    /// Records `user.disabled`, `user.enabled` and `role.changed` for actual changes only. Disabling
    /// ends all sessions ([`EndReason::Disabled`](crate::session::EndReason)) and revokes all
    /// families of refresh tokens.
    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError>;

    /// Replaces a password; returns `false` if the current hash is not the expected one.
    ///
    /// Ends all sessions of the user except the kept one, revokes all families of refresh tokens,
    /// and records `password.changed` and one `session.ended` per ended session.
    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError>;
}

/// The key of an account look-up.
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
}

/// A change of an account; `None` leaves a value unchanged.
#[derive(Clone, Debug, Default)]
pub struct AccountUpdate {
    /// Whether the account is disabled.
    pub is_disabled: Option<bool>,
    /// The complete set of roles.
    pub roles: Option<BTreeSet<RoleName>>,
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
