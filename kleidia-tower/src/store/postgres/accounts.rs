//! The statements on accounts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tokio_postgres::Row;

use super::statements::PostgresRows;
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::rbac::RoleName;
use crate::store::StoreError;
use crate::store::columns::{Columns, account_columns, join_hashes, join_roles, sequence};
use crate::store::rows::{AccountRows, name_digest};
use crate::{Timestamp, UserId, UserName};

pub(super) const ACCOUNT_BY_ID: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", password, previous_passwords FROM accounts WHERE id = $1"
);
pub(super) const ACCOUNT_BY_NAME: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", password, previous_passwords FROM accounts WHERE name = $1"
);
/// With the number of the operation's first audit record, which is taken under the lock: of two
/// operations on an account, the later one has the larger number.
const ACCOUNT_BY_ID_LOCKED: &str = concat!(
    "WITH locked AS MATERIALIZED (SELECT ",
    account_columns!(),
    ", password, previous_passwords FROM accounts WHERE id = $1 FOR NO KEY UPDATE) \
     SELECT *, nextval('audit_sequence') AS sequence FROM locked"
);

pub(super) fn account_with_password(row: &Row) -> Result<(Account, StoredPassword), StoreError> {
    let columns = Columns(row);
    Ok((columns.account()?, columns.password()?))
}

#[async_trait]
impl AccountRows for PostgresRows<'_> {
    async fn lock_administration(&mut self) -> Result<(), StoreError> {
        self.fetch_one("SELECT id FROM administration FOR UPDATE", &[]).await.map(drop)
    }

    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = match key {
            AccountLookup::Id(id) => self.fetch_optional(ACCOUNT_BY_ID, &[&id.get()]).await?,
            AccountLookup::Name(name) => {
                self.fetch_optional(ACCOUNT_BY_NAME, &[&name.as_str()]).await?
            }
        };
        found.as_ref().map(account_with_password).transpose()
    }

    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = self.fetch_optional(ACCOUNT_BY_ID_LOCKED, &[&id.get()]).await?;
        let Some(row) = found else { return Ok(None) };
        self.reserved = Some(sequence(Columns(&row).integer("sequence")?)?);
        account_with_password(&row).map(Some)
    }

    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let NewAccount { name, roles, password, must_change_password, .. } = new;
        let inserted = self
            .fetch_optional(
                "INSERT INTO accounts (name, name_digest, roles, created_at, password_changed_at, \
                 password_parameters, password, previous_passwords, must_change_password) \
                 VALUES ($1, $2, $3, $4, $4, $5, $6, '', $7) ON CONFLICT DO NOTHING RETURNING id",
                &[
                    &name.as_str(),
                    &name_digest(name).as_slice(),
                    &join_roles(roles),
                    &at.as_second(),
                    &password.parameters(),
                    &password.as_str(),
                    must_change_password,
                ],
            )
            .await?;
        // The trigger inserts nothing if another account had the name.
        let Some(row) = inserted else { return Ok(None) };
        Ok(Some(Account {
            id: UserId::new(Columns(&row).integer("id")?),
            name: name.clone(),
            roles: roles.clone(),
            is_disabled: false,
            must_change_password: *must_change_password,
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
        let update = "UPDATE accounts SET roles = $1 WHERE id = $2";
        self.execute(update, &[&join_roles(roles), &user.get()]).await.map(drop)
    }

    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError> {
        // The trigger changes nothing if another account has the name or had it.
        let update = "UPDATE accounts SET name = $1, name_digest = $2 WHERE id = $3";
        let digest = name_digest(name);
        self.changes(update, &[&name.as_str(), &digest.as_slice(), &user.get()]).await
    }

    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError> {
        let update = "UPDATE accounts SET must_change_password = $1 WHERE id = $2";
        self.execute(update, &[&must_change, &user.get()]).await.map(drop)
    }

    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError> {
        let update = "UPDATE accounts SET is_erased = TRUE WHERE id = $1";
        self.execute(update, &[&user.get()]).await.map(drop)
    }

    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError> {
        let update = "UPDATE accounts SET is_disabled = $1 WHERE id = $2";
        self.execute(update, &[&is_disabled, &user.get()]).await.map(drop)
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        let roles: Vec<_> = roles.iter().map(RoleName::as_str).collect();
        let found = self
            .fetch_optional(
                "SELECT id FROM accounts WHERE NOT is_disabled AND id <> $1 \
                 AND string_to_array(roles, ',') && $2 LIMIT 1",
                &[&than.get(), &roles],
            )
            .await?;
        Ok(found.is_some())
    }

    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let current = &password.current;
        self.execute(
            "UPDATE accounts SET password_parameters = $1, password = $2, previous_passwords = $3, \
             password_changed_at = coalesce($4, password_changed_at) WHERE id = $5",
            &[
                &current.parameters(),
                &current.as_str(),
                &join_hashes(&password.previous),
                &changed_at.map(Timestamp::as_second),
                &user.get(),
            ],
        )
        .await
        .map(drop)
    }
}
