//! Factors through [`SessionCachingStore`]: each use invalidates its session.

use std::sync::Arc;

use async_trait::async_trait;

use super::SessionCachingStore;
use super::cache::Invalidation;
use crate::account::{
    CodePurpose, Factor, FactorChangeError, FactorOutcome, FactorRemoval, FactorStore, FactorUse,
    NewFactor, OneTimeCode,
};
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{TokenDigest, UserId};

#[async_trait]
impl FactorStore for SessionCachingStore {
    async fn factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.store.factors(user).await
    }

    async fn factor_by_credential(&self, credential: &[u8]) -> Result<Option<Factor>, StoreError> {
        self.store.factor_by_credential(credential).await
    }

    async fn ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.store.ceremony(digest, purpose).await
    }

    async fn begin_ceremony(&self, ceremony: &OneTimeCode) -> Result<(), StoreError> {
        self.store.begin_ceremony(ceremony).await
    }

    async fn take_ceremony(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.store.take_ceremony(digest, purpose).await
    }

    async fn add_factor(
        &self,
        new: &NewFactor,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Factor, FactorChangeError>>, StoreError> {
        let (new, change, session) = (new.clone(), change.clone(), new.session);
        let add = async move |store: Arc<dyn Store>| store.add_factor(&new, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::Session(session)], add).await
    }

    async fn use_factor(
        &self,
        used: &FactorUse,
        change: &ChangeContext,
    ) -> Result<Committed<FactorOutcome>, StoreError> {
        let (used, change, session) = (used.clone(), change.clone(), used.session);
        let store = async move |store: Arc<dyn Store>| store.use_factor(&used, &change).await;
        self.write_and_invalidate(move |_| vec![Invalidation::Session(session)], store).await
    }

    async fn remove_factors(
        &self,
        removal: &FactorRemoval,
        change: &ChangeContext,
    ) -> Result<Committed<Result<usize, FactorChangeError>>, StoreError> {
        self.store.remove_factors(removal, change).await
    }
}
