//! The statements on profiles, one-time codes and factors.

use async_trait::async_trait;
use sqlx::query;

use super::SqliteStore;
use super::error::store_error;
use super::statements::{Query, SqliteRows};
use crate::account::{CodePurpose, EmailAddress, Factor, OneTimeCode, Profile};
use crate::store::StoreError;
use crate::store::columns::{Columns, json_array, profile_values, sql_limit};
use crate::store::rows::{FactorRows, OneTimeCodeRows, ProfileRows};
use crate::store::without_subscriber::without_subscriber;
use crate::{FactorId, Timestamp, TokenDigest, UserId};

fn code(digest: &TokenDigest, purpose: CodePurpose) -> Query<'static> {
    let found = query("SELECT * FROM one_time_codes WHERE digest = ? AND purpose = ?");
    found.bind(digest.0.to_vec()).bind(purpose.as_str())
}

fn factors(user: UserId) -> Query<'static> {
    query("SELECT * FROM factors WHERE user = ? ORDER BY id").bind(user.get())
}

fn factor_by_credential(credential: &[u8]) -> Query<'static> {
    query("SELECT * FROM factors WHERE credential = ?").bind(credential.to_vec())
}

/// Reads outside of transactions.
impl SqliteStore {
    pub(super) async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Profile)>, StoreError> {
        let _reading = self.reading()?;
        let found = query("SELECT * FROM profiles WHERE user IN (SELECT value FROM json_each(?))");
        let found = found.bind(json_array(users)).fetch_all(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).profile()).collect()
    }

    pub(super) async fn find_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let _reading = self.reading()?;
        let found = query(
            "SELECT user FROM profiles WHERE email = ? AND is_email_verified = 1 \
             ORDER BY user LIMIT ?",
        );
        let found = found.bind(address.as_str()).bind(sql_limit(limit)).fetch_all(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).integer("user").map(UserId::new)).collect()
    }

    pub(super) async fn find_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let _reading = self.reading()?;
        let found = code(digest, purpose).fetch_optional(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.map(|row| Columns(&row).one_time_code()).transpose()
    }

    pub(super) async fn find_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let _reading = self.reading()?;
        let found = factors(user).fetch_all(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).factor()).collect()
    }

    pub(super) async fn find_factor(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let _reading = self.reading()?;
        let found = factor_by_credential(credential).fetch_optional(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.map(|row| Columns(&row).factor()).transpose()
    }
}

#[async_trait]
impl ProfileRows for SqliteRows<'_> {
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError> {
        let found = query("SELECT * FROM profiles WHERE user = ?").bind(user.get());
        let found = self.fetch_optional(found).await?;
        let found = found.map(|row| Columns(&row).profile()).transpose()?;
        Ok(found.map(|(_, profile)| profile).unwrap_or_default())
    }

    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        if *profile == Profile::default() {
            let delete = query("DELETE FROM profiles WHERE user = ?").bind(user.get());
            return self.execute(delete).await.map(drop);
        }
        let (display_name, email, is_verified, attributes) = profile_values(profile);
        let put = query("INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, ?, ?)");
        let put = put.bind(user.get()).bind(display_name).bind(email).bind(is_verified);
        self.execute(put.bind(attributes)).await.map(drop)
    }
}

#[async_trait]
impl OneTimeCodeRows for SqliteRows<'_> {
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let found = self.fetch_optional(code(digest, purpose)).await?;
        found.map(|row| Columns(&row).one_time_code()).transpose()
    }

    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError> {
        let insert = query("INSERT INTO one_time_codes VALUES (?, ?, ?, ?, ?, ?)");
        let insert = insert
            .bind(code.digest.0.to_vec())
            .bind(code.user.map(UserId::get))
            .bind(code.purpose.as_str())
            .bind(code.data.clone())
            .bind(code.created_at.as_second())
            .bind(code.expires_at.as_second());
        self.execute(insert).await.map(drop)
    }

    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let take = query("DELETE FROM one_time_codes WHERE digest = ? AND purpose = ? RETURNING *");
        let take = take.bind(digest.0.to_vec()).bind(purpose.as_str());
        let taken = self.fetch_optional(take).await?;
        taken.map(|row| Columns(&row).one_time_code()).transpose()
    }

    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError> {
        let delete =
            query("DELETE FROM one_time_codes WHERE user = ?1 AND (?2 IS NULL OR purpose = ?2)");
        let delete = delete.bind(user.get()).bind(purpose.map(CodePurpose::as_str));
        self.delete(delete).await
    }
}

#[async_trait]
impl FactorRows for SqliteRows<'_> {
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let found = self.fetch_all(factors(user)).await?;
        found.iter().map(|row| Columns(row).factor()).collect()
    }

    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let found = self.fetch_optional(factor_by_credential(credential)).await?;
        found.map(|row| Columns(&row).factor()).transpose()
    }

    async fn insert_factor(&mut self, factor: Factor) -> Result<Option<Factor>, StoreError> {
        let insert = query(
            "INSERT INTO factors (user, kind, credential, label, data, created_at, last_used_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (credential) DO NOTHING RETURNING id",
        );
        let insert = insert
            .bind(factor.user.get())
            .bind(factor.kind.as_str())
            .bind(factor.credential.clone())
            .bind(factor.label.to_string())
            .bind(factor.data.clone())
            .bind(factor.created_at.as_second())
            .bind(factor.last_used_at.map(Timestamp::as_second));
        let Some(row) = self.fetch_optional(insert).await? else { return Ok(None) };
        Ok(Some(Factor { id: FactorId::new(Columns(&row).integer("id")?), ..factor }))
    }

    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE factors SET label = ?, data = ?, last_used_at = ? WHERE id = ? AND user = ?",
        );
        let update = update.bind(factor.label.to_string()).bind(factor.data.clone());
        let update = update.bind(factor.last_used_at.map(Timestamp::as_second));
        self.changes(update.bind(factor.id.get()).bind(factor.user.get())).await
    }

    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM factors WHERE id = ? AND user = ?");
        self.changes(delete.bind(id.get()).bind(user.get())).await
    }

    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.delete(query("DELETE FROM factors WHERE user = ?").bind(user.get())).await
    }
}
