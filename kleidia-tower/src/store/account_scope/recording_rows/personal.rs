//! The rows of profiles, one-time codes and factors, which record the accounts that are touched.

use async_trait::async_trait;

use super::RecordingRows;
use crate::account::{CodePurpose, Factor, OneTimeCode, Profile};
use crate::store::StoreError;
use crate::store::rows::{FactorRows, OneTimeCodeRows, ProfileRows};
use crate::{FactorId, TokenDigest, UserId};

#[async_trait]
impl ProfileRows for RecordingRows<'_> {
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError> {
        self.touch_user(user).await?;
        self.rows.profile(user).await
    }

    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.put_profile(user, profile).await
    }
}

#[async_trait]
impl OneTimeCodeRows for RecordingRows<'_> {
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let code = self.rows.code(digest, purpose).await?;
        if let Some(user) = code.as_ref().and_then(|code| code.user) {
            self.touch_user(user).await?;
        }
        Ok(code)
    }

    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError> {
        if let Some(user) = code.user {
            self.touch_user(user).await?;
        }
        self.rows.insert_code(code).await
    }

    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let code = self.rows.take_code(digest, purpose).await?;
        if let Some(user) = code.as_ref().and_then(|code| code.user) {
            self.touch_user(user).await?;
        }
        Ok(code)
    }

    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError> {
        self.touch_user(user).await?;
        self.rows.delete_codes(user, purpose).await
    }
}

#[async_trait]
impl FactorRows for RecordingRows<'_> {
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.touch_user(user).await?;
        self.rows.factors(user).await
    }

    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let factor = self.rows.factor_by_credential(credential).await?;
        if let Some(factor) = &factor {
            self.touch_user(factor.user).await?;
        }
        Ok(factor)
    }

    async fn insert_factor(&mut self, factor: Factor) -> Result<Option<Factor>, StoreError> {
        self.touch_user(factor.user).await?;
        self.rows.insert_factor(factor).await
    }

    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        self.touch_user(factor.user).await?;
        self.rows.update_factor(factor).await
    }

    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError> {
        self.touch_user(user).await?;
        self.rows.delete_factor(user, id).await
    }

    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.touch_user(user).await?;
        self.rows.delete_factors(user).await
    }
}
