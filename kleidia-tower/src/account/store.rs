//! What accounts ask of a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Account, PasswordHash, StoredPassword};
use crate::UserName;
use crate::access_token::{SessionId, UserId};
use crate::rbac::RoleName;
use crate::store::{Change, Committed, StoreError};

/// Keeps accounts. Every change is one operation, done whole or not at all, with its events.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// The account of this number.
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError>;

    /// The account of this name, and its passwords.
    async fn account_with_password(
        &self,
        key: AccountKey<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError>;

    /// At most `limit` accounts whose numbers come after `after`, in the order of their numbers.
    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError>;

    /// Creates an account; `None` if the name is taken. Records `user.created`.
    async fn create_account(
        &self,
        new: NewAccount,
        change: &Change,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError>;

    /// Disables, enables, or changes roles; `None` if there is no such account.
    ///
    /// Records `user.disabled`, `user.enabled` and `role.changed` for what really changes. Whoever
    /// is disabled has all sessions ended ([`EndReason::Disabled`](crate::session::EndReason)) and
    /// all families of refresh tokens revoked.
    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        change: &Change,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError>;

    /// Replaces a password; `false` if the current one is no longer the expected one.
    ///
    /// Ends all sessions of the user but the kept one, revokes all families of refresh tokens,
    /// and records `password.changed` and a `session.ended` for each.
    async fn change_password(
        &self,
        new: PasswordChange,
        change: &Change,
    ) -> Result<Committed<bool>, StoreError>;
}

/// By what an account is found.
#[derive(Clone, Copy, Debug)]
pub enum AccountKey<'a> {
    /// By its number.
    Id(UserId),
    /// By its name.
    Name(&'a UserName),
}

/// An account to create.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: UserName,
    /// Its roles.
    pub roles: BTreeSet<RoleName>,
    /// Its password, hashed.
    pub password: PasswordHash,
}

/// What becomes of an account: `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountUpdate {
    /// Whether its owner is kept out.
    pub is_disabled: Option<bool>,
    /// All of its roles.
    pub roles: Option<BTreeSet<RoleName>>,
}

/// A password to replace.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// Whose password.
    pub user: UserId,
    /// The hash that was compared with.
    pub expected: PasswordHash,
    /// The hash of the new one.
    pub new: PasswordHash,
    /// How many earlier ones are kept to be refused.
    pub history: usize,
    /// The session that goes on.
    pub kept: Option<SessionId>,
}
