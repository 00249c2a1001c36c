//! Recovery through [`SessionCachingStore`]: each change invalidates the sessions of its user.

use std::sync::Arc;

use async_trait::async_trait;

use super::SessionCachingStore;
use super::cache::Invalidation;
use crate::account::{
    Account, AccountChangeError, CodePurpose, OneTimeCode, Recovery, RecoveryOutcome, RecoveryStore,
};
use crate::rbac::RoleRules;
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{TokenDigest, UserId};

#[async_trait]
impl RecoveryStore for SessionCachingStore {
    async fn one_time_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.store.one_time_code(digest, purpose).await
    }

    async fn issue_recovery_code(
        &self,
        code: OneTimeCode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.store.issue_recovery_code(code, rules, change).await
    }

    async fn recover(
        &self,
        recovery: Recovery,
        change: &ChangeContext,
    ) -> Result<Committed<RecoveryOutcome>, StoreError> {
        let change = change.clone();
        let recover = async move |store: Arc<dyn Store>| store.recover(recovery, &change).await;
        let invalidations = |recovered: &Committed<RecoveryOutcome>| match &recovered.value {
            RecoveryOutcome::Recovered(account) => vec![Invalidation::User(account.id)],
            RecoveryOutcome::Invalid => Vec::new(),
        };
        self.write_and_invalidate(invalidations, recover).await
    }

    async fn require_password_change(
        &self,
        user: UserId,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        let change = change.clone();
        let require =
            async move |store: Arc<dyn Store>| store.require_password_change(user, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::User(user)], require).await
    }
}
