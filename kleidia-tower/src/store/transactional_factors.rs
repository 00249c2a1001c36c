//! `FactorStore`, implemented once for every store that has transactions.

use async_trait::async_trait;

use super::measured::{Measured as _, measure};
use super::operation::Operation;
use super::rows::Transactional;
use super::{ChangeContext, Committed, StoreError, operations};
use crate::account::{
    CodePurpose, Factor, FactorChangeError, FactorOutcome, FactorRemoval, FactorStore, FactorUse,
    NewFactor, OneTimeCode,
};
use crate::{TokenDigest, UserId};

#[async_trait]
impl<S: Transactional> FactorStore for S {
    async fn factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        measure("factors", self.read_factors(user)).await
    }

    async fn factor_by_credential(&self, credential: &[u8]) -> Result<Option<Factor>, StoreError> {
        measure("factor_by_credential", self.read_factor_by_credential(credential)).await
    }

    async fn ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        measure("ceremony", self.read_code(digest, purpose)).await
    }

    async fn begin_ceremony(&self, ceremony: &OneTimeCode) -> Result<(), StoreError> {
        self.run(Operation::new("begin_ceremony", |rows| {
            Box::pin(operations::begin_ceremony(rows.0, ceremony))
        }))
        .await
    }

    async fn take_ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        // Anyone can send unknown ones, which must not wait for a writer.
        if self.ceremony(digest, purpose).await?.is_none() {
            return Ok(None);
        }
        self.run(Operation::new("take_ceremony", |rows| {
            Box::pin(operations::take_ceremony(rows.0, digest, purpose))
        }))
        .await
    }

    async fn add_factor(
        &self,
        new: &NewFactor,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Factor, FactorChangeError>>, StoreError> {
        self.run(Operation::new("add_factor", |rows| {
            Box::pin(operations::add_factor(rows.0, new, change))
        }))
        .await
    }

    async fn use_factor(
        &self,
        used: &FactorUse,
        change: &ChangeContext,
    ) -> Result<Committed<FactorOutcome>, StoreError> {
        self.run(Operation::new("use_factor", |rows| {
            Box::pin(operations::use_factor(rows.0, used, change))
        }))
        .await
    }

    async fn remove_factors(
        &self,
        removal: &FactorRemoval,
        change: &ChangeContext,
    ) -> Result<Committed<Result<usize, FactorChangeError>>, StoreError> {
        self.run(Operation::new("remove_factors", |rows| {
            Box::pin(operations::remove_factors(rows.0, removal, change))
        }))
        .await
    }
}
