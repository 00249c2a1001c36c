//! The store trait of recovery, implemented once for every store that has transactions.

use std::sync::Arc;

use async_trait::async_trait;

use super::measured::{Measured as _, measure};
use super::operation::Operation;
use super::rows::Transactional;
use super::{ChangeContext, Committed, StoreError, operations};
use crate::account::{
    Account, AccountChangeError, CodePurpose, OneTimeCode, Recovery, RecoveryOutcome, RecoveryStore,
};
use crate::rbac::RoleRules;
use crate::{TokenDigest, UserId};

#[async_trait]
impl<S: Transactional> RecoveryStore for S {
    async fn one_time_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        measure("one_time_code", self.read_code(digest, purpose)).await
    }

    async fn issue_recovery_code(
        &self,
        code: OneTimeCode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("issue_recovery_code", |rows| {
            Box::pin(operations::issue_recovery_code(rows.0, &code, rules, change))
        }))
        .await
    }

    async fn recover(
        &self,
        recovery: Recovery,
        change: &ChangeContext,
    ) -> Result<Committed<RecoveryOutcome>, StoreError> {
        self.run(Operation::new("recover", |rows| {
            Box::pin(operations::recover(rows.0, &recovery, change))
        }))
        .await
    }

    async fn require_password_change(
        &self,
        user: UserId,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        self.run(Operation::new("require_password_change", |rows| {
            Box::pin(operations::require_password_change(rows.0, user, change))
        }))
        .await
    }
}
