//! Recovery and purges through `FaultInjectingStore`.

use std::sync::Arc;

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountChangeError, CodePurpose, OneTimeCode, Recovery, RecoveryOutcome, RecoveryStore,
};
use kleidia_tower::rbac::RoleRules;
use kleidia_tower::store::{ChangeContext, Committed, PurgeStore, Retention, StoreError};
use kleidia_tower::{Timestamp, TokenDigest, UserId};

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
