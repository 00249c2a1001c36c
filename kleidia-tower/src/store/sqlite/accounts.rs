//! The statements on accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::query;
use sqlx::sqlite::SqliteRow;

use super::statements::{SqliteRows, account_by_id, account_by_name};
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::rbac::RoleName;
use crate::store::StoreError;
use crate::store::columns::{Columns, join_hashes, join_roles};
use crate::store::rows::{AccountRows, name_digest};
use crate::{Timestamp, UserId, UserName};

#[async_trait]
impl AccountRows for SqliteRows<'_> {
    /// The transaction has the write lock.
    async fn lock_administration(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = match key {
            AccountLookup::Id(id) => {
                self.fetch_optional(query(account_by_id()).bind(id.get())).await?
            }
            AccountLookup::Name(name) => {
                self.fetch_optional(query(account_by_name()).bind(name.as_str())).await?
            }
        };
        let read = |row: SqliteRow| {
            let columns = Columns(&row);
            Ok((columns.account()?, columns.password()?))
        };
        found.map(read).transpose()
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
        let NewAccount { name, roles, password, must_change_password, .. } = new.clone();
        let taken = query("SELECT 1 FROM account_names WHERE name_digest = ?");
        if self.fetch_optional(taken.bind(name_digest(&name).to_vec())).await?.is_some() {
            return Ok(None);
        }
        let insert = query(
            "INSERT INTO accounts (name, name_digest, roles, is_disabled, created_at, \
             password_changed_at, password_parameters, password, previous_passwords, \
             must_change_password) VALUES (?, ?, ?, 0, ?, ?, ?, ?, '', ?)",
        );
        let insert = insert.bind(name.as_str().to_owned()).bind(name_digest(&name).to_vec());
        let insert = insert.bind(join_roles(&roles)).bind(at.as_second()).bind(at.as_second());
        let insert = insert.bind(password.parameters()).bind(password.as_str());
        let insert = insert.bind(must_change_password);
        let id = UserId::new(self.execute(insert).await?);
        Ok(Some(Account {
            id,
            name,
            roles,
            is_disabled: false,
            must_change_password,
            is_erased: false,
            created_at: at,
            password_changed_at: at,
        }))
    }

    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError> {
        let update = query("UPDATE accounts SET roles = ? WHERE id = ?");
        self.execute(update.bind(join_roles(roles)).bind(user.get())).await.map(drop)
    }

    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError> {
        let digest = name_digest(name).to_vec();
        let taken = query("SELECT 1 FROM account_names WHERE name_digest = ? AND user <> ?");
        let taken = taken.bind(digest.clone()).bind(user.get());
        if self.fetch_optional(taken).await?.is_some() {
            return Ok(false);
        }
        let update = query("UPDATE accounts SET name = ?, name_digest = ? WHERE id = ?");
        let update = update.bind(name.as_str()).bind(digest).bind(user.get());
        self.execute(update).await?;
        Ok(true)
    }

    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError> {
        let update = query("UPDATE accounts SET must_change_password = ? WHERE id = ?");
        self.execute(update.bind(must_change).bind(user.get())).await.map(drop)
    }

    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError> {
        let update = query("UPDATE accounts SET is_erased = 1 WHERE id = ?");
        self.execute(update.bind(user.get())).await.map(drop)
    }

    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError> {
        let update = query("UPDATE accounts SET is_disabled = ? WHERE id = ?");
        self.execute(update.bind(is_disabled).bind(user.get())).await.map(drop)
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        for role in roles {
            let found = query(
                "SELECT 1 FROM accounts WHERE is_disabled = 0 AND id <> ? \
                 AND instr(',' || roles || ',', ',' || ? || ',') > 0 LIMIT 1",
            );
            let found = found.bind(than.get()).bind(role.as_str());
            if self.fetch_optional(found).await?.is_some() {
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
        let update = query(
            "UPDATE accounts SET password_parameters = ?, password = ?, previous_passwords = ?, \
             password_changed_at = coalesce(?, password_changed_at) WHERE id = ?",
        );
        let current = &password.current;
        let update = update.bind(current.parameters()).bind(current.as_str());
        let update = update.bind(join_hashes(&password.previous));
        let update = update.bind(changed_at.map(Timestamp::as_second));
        self.execute(update.bind(user.get())).await.map(drop)
    }
}
