//! Recovery, profiles and purges through `FaultInjectingStore`.

use std::sync::Arc;

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountChangeError, CodePurpose, EmailAddress, OneTimeCode, PasswordHash, Profile,
    ProfileStore, Recovery, RecoveryOutcome, RecoveryStore,
};
use kleidia_tower::rbac::RoleRules;
use kleidia_tower::store::{ChangeContext, Committed, PurgeStore, Retention, StoreError};
use kleidia_tower::{Timestamp, TokenDigest, UserId, UserName};

use super::FaultInjectingStore;

#[async_trait]
impl RecoveryStore for FaultInjectingStore {
    async fn one_time_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.memory()?.one_time_code(digest, purpose).await
    }

    async fn issue_recovery_code(
        &self,
        code: OneTimeCode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.issue_recovery_code(code, rules, change).await
    }

    async fn recover(
        &self,
        recovery: Recovery,
        change: &ChangeContext,
    ) -> Result<Committed<RecoveryOutcome>, StoreError> {
        self.memory()?.recover(recovery, change).await
    }

    async fn require_password_change(
        &self,
        user: UserId,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.require_password_change(user, change).await
    }
}

#[async_trait]
impl PurgeStore for FaultInjectingStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.memory()?.purge(now, retention, limit).await
    }
}

#[async_trait]
impl ProfileStore for FaultInjectingStore {
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        self.memory()?.profiles(users).await
    }

    async fn users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.memory()?.users_by_email(address, limit).await
    }

    async fn replace_profile(
        &self,
        user: UserId,
        profile: Profile,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.replace_profile(user, profile, change).await
    }

    async fn rename(
        &self,
        user: UserId,
        name: UserName,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.rename(user, name, change).await
    }

    async fn erase(
        &self,
        user: UserId,
        unusable: PasswordHash,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.memory()?.erase(user, unusable, change).await
    }
}
