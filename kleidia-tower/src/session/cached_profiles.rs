//! Profiles and names through [`SessionCachingStore`]: a new name invalidates the sessions of its user.

use std::sync::Arc;

use async_trait::async_trait;

use super::SessionCachingStore;
use super::cache::Invalidation;
use crate::account::{
    Account, AccountChangeError, EmailAddress, PasswordHash, Profile, ProfileStore,
};
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{UserId, UserName};

#[async_trait]
impl ProfileStore for SessionCachingStore {
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        self.store.profiles(users).await
    }

    async fn users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.store.users_by_email(address, limit).await
    }

    async fn replace_profile(
        &self,
        user: UserId,
        profile: Profile,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.store.replace_profile(user, profile, change).await
    }

    async fn rename(
        &self,
        user: UserId,
        name: UserName,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        let change = change.clone();
        let update = async move |store: Arc<dyn Store>| store.rename(user, name, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::User(user)], update).await
    }

    async fn erase(
        &self,
        user: UserId,
        unusable: PasswordHash,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        let change = change.clone();
        let update = async move |store: Arc<dyn Store>| store.erase(user, unusable, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::User(user)], update).await
    }
}
