//! The factors of a store with injected errors.

use async_trait::async_trait;
use kleidia_tower::account::{
    CodePurpose, Factor, FactorChangeError, FactorOutcome, FactorRemoval, FactorStore, FactorUse,
    NewFactor, OneTimeCode,
};
use kleidia_tower::store::{ChangeContext, Committed, StoreError};
use kleidia_tower::{TokenDigest, UserId};

use super::FaultInjectingStore;

#[async_trait]
impl FactorStore for FaultInjectingStore {
    async fn factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.memory()?.factors(user).await
    }

    async fn factor_by_credential(&self, credential: &[u8]) -> Result<Option<Factor>, StoreError> {
        self.memory()?.factor_by_credential(credential).await
    }

    async fn ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.memory()?.ceremony(digest, purpose).await
    }

    async fn begin_ceremony(&self, ceremony: &OneTimeCode) -> Result<(), StoreError> {
        self.memory()?.begin_ceremony(ceremony).await
    }

    async fn take_ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.memory()?.take_ceremony(digest, purpose).await
    }

    async fn add_factor(
        &self,
        new: &NewFactor,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Factor, FactorChangeError>>, StoreError> {
        self.memory()?.add_factor(new, change).await
    }

    async fn use_factor(
        &self,
        used: &FactorUse,
        change: &ChangeContext,
    ) -> Result<Committed<FactorOutcome>, StoreError> {
        self.settling()?.use_factor(used, change).await
    }

    async fn remove_factors(
        &self,
        removal: &FactorRemoval,
        change: &ChangeContext,
    ) -> Result<Committed<Result<usize, FactorChangeError>>, StoreError> {
        self.memory()?.remove_factors(removal, change).await
    }
}
