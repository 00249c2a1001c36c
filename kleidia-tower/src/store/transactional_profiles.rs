//! The store trait of profiles and names, implemented once for every store that has transactions.

use std::sync::Arc;

use async_trait::async_trait;

use super::measured::{Measured as _, measure};
use super::operation::Operation;
use super::rows::Transactional;
use super::{ChangeContext, Committed, StoreError, operations};
use crate::account::{
    Account, AccountChangeError, EmailAddress, PasswordHash, Profile, ProfileStore,
};
use crate::{UserId, UserName};

#[async_trait]
impl<S: Transactional> ProfileStore for S {
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        measure("profiles", self.read_profiles(users)).await
    }

    async fn users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        measure("users_by_email", self.read_users_by_email(address, limit)).await
    }

    async fn replace_profile(
        &self,
        user: UserId,
        profile: Profile,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("replace_profile", |rows| {
            Box::pin(operations::replace_profile(rows.0, user, &profile, change))
        }))
        .await
    }

    async fn rename(
        &self,
        user: UserId,
        name: UserName,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("rename", |rows| {
            Box::pin(operations::rename(rows.0, user, &name, change))
        }))
        .await
    }

    async fn erase(
        &self,
        user: UserId,
        unusable: PasswordHash,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("erase", |rows| {
            Box::pin(operations::erase(rows.0, user, &unusable, change))
        }))
        .await
    }
}
