//! The statements on accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::rbac::RoleName;
use crate::store::StoreError;
use crate::{Timestamp, UserId, UserName};

/// The accounts. They are never deleted, and their ids do not change.
///
/// A name belongs to the first account that had it: keep the [digests](super::name_digest) of all
/// names with their accounts, also after a renaming. Not the names: an erasure leaves none.
#[async_trait]
pub trait AccountRows: Send {
    /// Locks the rules that span accounts: who may assign which roles, and that one administrator
    /// stays enabled. There is one such lock in a store.
    async fn lock_administration(&mut self) -> Result<(), StoreError>;

    /// Returns an account with its hashed passwords, without locking it.
    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError>;

    /// Locks an account with its sessions, families and refresh tokens, and returns it as it is
    /// under the lock: after what the previous holder of the lock has committed.
    ///
    /// Reads without the lock must not wait for it.
    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError>;

    /// Inserts an enabled account, which was created and whose password was changed at this time.
    /// Returns `None` if an account has the user name or had it. Ignores the profile of `new`.
    ///
    /// User names are unique also among concurrent transactions: of two that insert the same one,
    /// one gets `None` or is run again.
    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError>;

    /// Replaces the roles of an account.
    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError>;

    /// Renames an account. Returns `false` without a change if another account has the name or had
    /// it, also among concurrent transactions. The account may take back a name of its own. The
    /// failures of both names stay as they are.
    ///
    /// The administration and the account are locked.
    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError>;

    /// Sets whether the user has to change the password.
    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError>;

    /// Marks a disabled account as erased. It stays disabled: guard that in the database too, if you
    /// can.
    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError>;

    /// Disables or enables an account.
    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError>;

    /// Returns whether an enabled account other than this one has at least one of these roles. The
    /// administration is locked.
    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError>;

    /// Replaces the hashes, and sets the time of the last change if there is one: a hash that is
    /// only renewed with other parameters has none.
    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}
