//! The accounts in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::rbac::RoleName;
use crate::store::StoreError;
use crate::store::rows::{AccountRows, name_digest};
use crate::{Timestamp, UserId, UserName};

#[async_trait]
impl AccountRows for State {
    /// The operation has exclusive access.
    async fn lock_administration(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = self.find_account(key);
        Ok(found.map(|(account, password)| (Account::clone(account), password.clone())))
    }

    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        self.account(AccountLookup::Id(id)).await
    }

    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let digest = name_digest(&new.name);
        if self.names.contains_key(&digest) {
            return Ok(None);
        }
        let NewAccount { name, roles, password, must_change_password, .. } = new.clone();
        let id = self.accounts.last_key_value().map_or(1, |(last, _)| last.get() + 1);
        let id = UserId::new(id);
        let (created_at, password_changed_at) = (at, at);
        self.names.insert(digest, id);
        let account = Account {
            id,
            name,
            roles,
            is_disabled: false,
            must_change_password,
            is_erased: false,
            created_at,
            password_changed_at,
        };
        self.count_parameters(&password);
        let password = StoredPassword { current: password, previous: Vec::new() };
        self.accounts.insert(id, (Arc::new(account.clone()), password));
        Ok(Some(account))
    }

    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError> {
        if let Some((account, _)) = self.accounts.get_mut(&user) {
            Arc::make_mut(account).roles.clone_from(roles);
        }
        Ok(())
    }

    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError> {
        let Some((account, _)) = self.accounts.get_mut(&user) else { return Ok(true) };
        if *self.names.entry(name_digest(name)).or_insert(user) != user {
            return Ok(false);
        }
        Arc::make_mut(account).name.clone_from(name);
        Ok(true)
    }

    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError> {
        if let Some((account, _)) = self.accounts.get_mut(&user) {
            Arc::make_mut(account).must_change_password = must_change;
        }
        Ok(())
    }

    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError> {
        if let Some((account, _)) = self.accounts.get_mut(&user) {
            Arc::make_mut(account).is_erased = true;
        }
        Ok(())
    }

    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError> {
        if let Some((account, _)) = self.accounts.get_mut(&user) {
            Arc::make_mut(account).is_disabled = is_disabled;
        }
        Ok(())
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        let mut accounts = self.accounts.values().map(|(account, _)| account);
        Ok(accounts.any(|account| {
            account.id != than && !account.is_disabled && !account.roles.is_disjoint(roles)
        }))
    }

    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        if let Some((account, stored)) = self.accounts.get_mut(&user) {
            if let Some(changed_at) = changed_at {
                Arc::make_mut(account).password_changed_at = changed_at;
            }
            let previous = std::mem::replace(stored, password.clone());
            self.count_parameters(&password.current);
            if let Some(count) = self.password_parameters.get_mut(previous.current.parameters()) {
                *count = count.saturating_sub(1);
            }
        }
        Ok(())
    }
}
