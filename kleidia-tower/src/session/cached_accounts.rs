//! Accounts through [`SessionCachingStore`]: each change invalidates the sessions of its user.

use std::sync::Arc;

use async_trait::async_trait;

use super::SessionCachingStore;
use super::cache::Invalidation;
use crate::UserId;
use crate::account::{
    Account, AccountChangeError, AccountLookup, AccountStore, AccountUpdate, ImportMode,
    ImportResult, ImportedAccount, NewAccount, PasswordChange, StoredPassword,
};
use crate::rbac::RoleRules;
use crate::store::{ChangeContext, Committed, Store, StoreError};

#[async_trait]
impl AccountStore for SessionCachingStore {
    async fn account(&self, id: UserId) -> Result<Option<Arc<Account>>, StoreError> {
        self.store.account(id).await
    }

    async fn account_with_password(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.store.account_with_password(key).await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.store.accounts(after, limit).await
    }

    async fn password_parameters(&self) -> Result<Vec<String>, StoreError> {
        self.store.password_parameters().await
    }

    async fn create_account(
        &self,
        new: NewAccount,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.store.create_account(new, rules, change).await
    }

    async fn import_accounts(
        &self,
        accounts: Vec<ImportedAccount>,
        mode: ImportMode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<ImportResult>>, StoreError> {
        self.store.import_accounts(accounts, mode, rules, change).await
    }

    async fn update_account(
        &self,
        id: UserId,
        update: AccountUpdate,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        let (rules, change) = (rules.clone(), change.clone());
        let update = async move |store: Arc<dyn Store>| {
            store.update_account(id, update, &rules, &change).await
        };
        self.write_and_invalidate(move |_| vec![Invalidation::User(id)], update).await
    }

    async fn change_password(
        &self,
        new: PasswordChange,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        let (user, change) = (new.user, change.clone());
        let update = async move |store: Arc<dyn Store>| store.change_password(new, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::User(user)], update).await
    }
}
