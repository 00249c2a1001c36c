//! The store trait of accounts, implemented once for every store that has transactions.

use std::sync::Arc;

use async_trait::async_trait;

use super::measured::{Measured as _, measure};
use super::operation::Operation;
use super::rows::Transactional;
use super::{ChangeContext, Committed, StoreError, operations};
use crate::UserId;
use crate::account::{
    Account, AccountChangeError, AccountLookup, AccountStore, AccountUpdate, ImportMode,
    ImportResult, ImportedAccount, NewAccount, PasswordChange, StoredPassword,
};
use crate::rbac::RoleRules;

#[async_trait]
impl<S: Transactional> AccountStore for S {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        let found = measure("account", self.read_account(AccountLookup::Id(id))).await?;
        Ok(found.map(|(account, _)| account))
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        measure("account_with_password", self.read_account(key)).await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        measure("accounts", self.read_accounts(after, limit)).await
    }

    async fn password_parameters(&self) -> Result<Vec<String>, StoreError> {
        measure("password_parameters", self.read_password_parameters()).await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("create_account", |rows| {
            Box::pin(operations::create_account(rows.0, &new, rules, change))
        }))
        .await
    }

    async fn import_accounts(
        &self,
        accounts: Vec<ImportedAccount>,
        mode: ImportMode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<ImportResult>>, StoreError> {
        self.run(Operation::new("import_accounts", |rows| {
            Box::pin(operations::import_accounts(rows.0, &accounts, mode, rules, change))
        }))
        .await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("update_account", |rows| {
            Box::pin(operations::update_account(rows.0, id, &update, rules, change))
        }))
        .await
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.run(Operation::new("change_password", |rows| {
            Box::pin(operations::change_password(rows.0, &new, change))
        }))
        .await
    }
}
