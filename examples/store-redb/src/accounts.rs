//! The statements on accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kleidia_tower::account::{Account, AccountLookup, NewAccount, PasswordHash, StoredPassword};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{AccountRows, name_digest};
use kleidia_tower::{Timestamp, UserId, UserName};
use redb::ReadableTable;

use crate::store::RedbRows;
use crate::tables::{ACCOUNTS, Digest, NAMES, PARAMETERS, get, next_id, put, unavailable};
use crate::values::AccountValue;

/// Finds an account, in a transaction that reads or in one that writes.
pub(crate) fn find(
    accounts: &impl ReadableTable<i64, &'static [u8]>,
    names: &impl ReadableTable<Digest, i64>,
    key: AccountLookup<'_>,
) -> Result<Option<(Account, StoredPassword)>, StoreError> {
    let id = match key {
        AccountLookup::Id(id) => id,
        AccountLookup::Name(name) => {
            let found = names.get(&name_digest(name)).map_err(unavailable)?;
            let Some(id) = found else { return Ok(None) };
            UserId::new(id.value())
        }
    };
    let found: Option<AccountValue> = get(accounts, id.get())?;
    let found = found.map(|value| value.decode(id)).transpose()?;
    // The table has the former names, too.
    Ok(found.filter(|(account, _)| match key {
        AccountLookup::Id(_) => true,
        AccountLookup::Name(name) => account.name == *name,
    }))
}

impl RedbRows {
    fn put_account(&self, account: &Account, password: &StoredPassword) -> Result<(), StoreError> {
        let mut accounts = self.0.open_table(ACCOUNTS).map_err(unavailable)?;
        put(&mut accounts, account.id.get(), &AccountValue::new(account, password))
    }

    fn change_account(
        &self,
        user: UserId,
        change: impl FnOnce(&mut Account, &mut StoredPassword),
    ) -> Result<(), StoreError> {
        let found = self.find_account(AccountLookup::Id(user))?;
        let Some((mut account, mut password)) = found else { return Ok(()) };
        change(&mut account, &mut password);
        self.put_account(&account, &password)
    }

    fn find_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let accounts = self.0.open_table(ACCOUNTS).map_err(unavailable)?;
        let names = self.0.open_table(NAMES).map_err(unavailable)?;
        find(&accounts, &names, key)
    }

    /// Returns the account that has a name or had it.
    fn name_owner(&self, name: &UserName) -> Result<Option<UserId>, StoreError> {
        let names = self.0.open_table(NAMES).map_err(unavailable)?;
        let owner = names.get(&name_digest(name)).map_err(unavailable)?;
        Ok(owner.map(|id| UserId::new(id.value())))
    }

    /// Counts a hash among those with its parameters, or no longer.
    fn count(&self, hash: &PasswordHash, is_added: bool) -> Result<(), StoreError> {
        let mut counts = self.0.open_table(PARAMETERS).map_err(unavailable)?;
        let key = hash.parameters();
        let count = counts.get(key).map_err(unavailable)?.map_or(0, |count| count.value());
        let count = if is_added { count + 1 } else { count.saturating_sub(1) };
        if count == 0 {
            counts.remove(key).map_err(unavailable)?;
        } else {
            counts.insert(key, count).map_err(unavailable)?;
        }
        Ok(())
    }
}

#[async_trait]
impl AccountRows for RedbRows {
    /// There is one transaction at a time, so there is nothing to lock.
    async fn lock_administration(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        self.find_account(key)
    }

    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        self.find_account(AccountLookup::Id(id))
    }

    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        if self.name_owner(&new.name)?.is_some() {
            return Ok(None);
        }
        let account = Account {
            id: UserId::new(next_id(&self.0, "accounts")?),
            name: new.name.clone(),
            roles: new.roles.clone(),
            is_disabled: false,
            must_change_password: new.must_change_password,
            is_erased: false,
            created_at: at,
            password_changed_at: at,
        };
        let mut names = self.0.open_table(NAMES).map_err(unavailable)?;
        names.insert(&name_digest(&new.name), account.id.get()).map_err(unavailable)?;
        drop(names);
        let password = StoredPassword { current: new.password.clone(), previous: Vec::new() };
        self.put_account(&account, &password)?;
        self.count(&new.password, true)?;
        Ok(Some(account))
    }

    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError> {
        self.change_account(user, |account, _| account.roles.clone_from(roles))
    }

    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError> {
        if self.name_owner(name)?.is_some_and(|owner| owner != user) {
            return Ok(false);
        }
        let mut names = self.0.open_table(NAMES).map_err(unavailable)?;
        names.insert(&name_digest(name), user.get()).map_err(unavailable)?;
        drop(names);
        self.change_account(user, |account, _| account.name.clone_from(name))?;
        Ok(true)
    }

    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError> {
        self.change_account(user, |account, _| account.must_change_password = must_change)
    }

    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError> {
        self.change_account(user, |account, _| account.is_erased = true)
    }

    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError> {
        self.change_account(user, |account, _| account.is_disabled = is_disabled)
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        let accounts = self.0.open_table(ACCOUNTS).map_err(unavailable)?;
        for row in accounts.iter().map_err(unavailable)? {
            let (id, value) = row.map_err(unavailable)?;
            let value: AccountValue = crate::tables::decode(value.value())?;
            let (account, _) = value.decode(UserId::new(id.value()))?;
            if account.id != than && !account.is_disabled && !account.roles.is_disjoint(roles) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut replaced = None;
        self.change_account(user, |account, stored| {
            account.password_changed_at = changed_at.unwrap_or(account.password_changed_at);
            replaced = Some(std::mem::replace(stored, password.clone()));
        })?;
        let Some(replaced) = replaced else { return Ok(()) };
        self.count(&password.current, true)?;
        self.count(&replaced.current, false)
    }
}
