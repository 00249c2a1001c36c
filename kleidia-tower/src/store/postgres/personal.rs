//! The statements on profiles, one-time codes and factors.

use async_trait::async_trait;

use super::PostgresStore;
use super::statements::PostgresRows;
use crate::account::{CodePurpose, EmailAddress, Factor, OneTimeCode, Profile};
use crate::store::StoreError;
use crate::store::columns::{Columns, profile_values, sql_limit};
use crate::store::rows::{FactorRows, OneTimeCodeRows, ProfileRows};
use crate::{FactorId, Timestamp, TokenDigest, UserId};

const PROFILES: &str = "SELECT \"user\", display_name, email, is_email_verified, attributes \
    FROM profiles WHERE \"user\" = ANY($1)";
const CODE: &str = "SELECT digest, \"user\", purpose, data, created_at, expires_at \
    FROM one_time_codes WHERE digest = $1 AND purpose = $2";
const FACTORS: &str = "SELECT id, \"user\", kind, credential, label, data, created_at, \
    last_used_at FROM factors WHERE \"user\" = $1 ORDER BY id";
const FACTOR_BY_CREDENTIAL: &str = "SELECT id, \"user\", kind, credential, label, data, \
    created_at, last_used_at FROM factors WHERE credential = $1";

/// Reads outside of transactions.
impl PostgresStore {
    pub(super) async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Profile)>, StoreError> {
        let users: Vec<_> = users.iter().map(|user| user.get()).collect();
        let found = self.read_all(PROFILES, &[&users]).await?;
        found.iter().map(|row| Columns(row).profile()).collect()
    }

    pub(super) async fn find_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let select = "SELECT \"user\" FROM profiles WHERE email = $1 AND is_email_verified \
                      ORDER BY \"user\" LIMIT $2";
        let found = self.read_all(select, &[&address.as_str(), &sql_limit(limit)]).await?;
        found.iter().map(|row| Columns(row).integer("user").map(UserId::new)).collect()
    }

    pub(super) async fn find_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let found = self.read_optional(CODE, &[&digest.0.as_slice(), &purpose.as_str()]).await?;
        found.map(|row| Columns(&row).one_time_code()).transpose()
    }

    pub(super) async fn find_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let found = self.read_all(FACTORS, &[&user.get()]).await?;
        found.iter().map(|row| Columns(row).factor()).collect()
    }

    pub(super) async fn find_factor(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let found = self.read_optional(FACTOR_BY_CREDENTIAL, &[&credential]).await?;
        found.map(|row| Columns(&row).factor()).transpose()
    }
}

#[async_trait]
impl ProfileRows for PostgresRows<'_> {
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError> {
        let found = self.fetch_optional(PROFILES, &[&vec![user.get()]]).await?;
        let found = found.map(|row| Columns(&row).profile()).transpose()?;
        Ok(found.map(|(_, profile)| profile).unwrap_or_default())
    }

    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        if *profile == Profile::default() {
            let delete = "DELETE FROM profiles WHERE \"user\" = $1";
            return self.execute(delete, &[&user.get()]).await.map(drop);
        }
        let (display_name, email, is_verified, attributes) = profile_values(profile);
        self.execute(
            "INSERT INTO profiles (\"user\", display_name, email, is_email_verified, attributes) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (\"user\") DO UPDATE SET \
             display_name = $2, email = $3, is_email_verified = $4, attributes = $5",
            &[&user.get(), &display_name, &email, &is_verified, &attributes],
        )
        .await
        .map(drop)
    }
}

#[async_trait]
impl OneTimeCodeRows for PostgresRows<'_> {
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let found = self.fetch_optional(CODE, &[&digest.0.as_slice(), &purpose.as_str()]).await?;
        found.map(|row| Columns(&row).one_time_code()).transpose()
    }

    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO one_time_codes (digest, \"user\", purpose, data, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &code.digest.0.as_slice(),
                &code.user.map(UserId::get),
                &code.purpose.as_str(),
                &code.data,
                &code.created_at.as_second(),
                &code.expires_at.as_second(),
            ],
        )
        .await
        .map(drop)
    }

    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let take = "DELETE FROM one_time_codes WHERE digest = $1 AND purpose = $2 \
                    RETURNING digest, \"user\", purpose, data, created_at, expires_at";
        let taken = self.fetch_optional(take, &[&digest.0.as_slice(), &purpose.as_str()]).await?;
        taken.map(|row| Columns(&row).one_time_code()).transpose()
    }

    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError> {
        let delete = "DELETE FROM one_time_codes WHERE \"user\" = $1 \
                      AND ($2::text IS NULL OR purpose = $2)";
        self.execute(delete, &[&user.get(), &purpose.map(CodePurpose::as_str)]).await
    }
}

#[async_trait]
impl FactorRows for PostgresRows<'_> {
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let found = self.fetch_all(FACTORS, &[&user.get()]).await?;
        found.iter().map(|row| Columns(row).factor()).collect()
    }

    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let found = self.fetch_optional(FACTOR_BY_CREDENTIAL, &[&credential]).await?;
        found.map(|row| Columns(&row).factor()).transpose()
    }

    async fn insert_factor(&mut self, factor: Factor) -> Result<Option<Factor>, StoreError> {
        let inserted = self
            .fetch_optional(
                "INSERT INTO factors (\"user\", kind, credential, label, data, created_at, \
                 last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (credential) DO NOTHING RETURNING id",
                &[
                    &factor.user.get(),
                    &factor.kind.as_str(),
                    &factor.credential,
                    &factor.label.as_str(),
                    &factor.data,
                    &factor.created_at.as_second(),
                    &factor.last_used_at.map(Timestamp::as_second),
                ],
            )
            .await?;
        let Some(row) = inserted else { return Ok(None) };
        Ok(Some(Factor { id: FactorId::new(Columns(&row).integer("id")?), ..factor }))
    }

    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        self.changes(
            "UPDATE factors SET label = $1, data = $2, last_used_at = $3 \
             WHERE id = $4 AND \"user\" = $5",
            &[
                &factor.label.as_str(),
                &factor.data,
                &factor.last_used_at.map(Timestamp::as_second),
                &factor.id.get(),
                &factor.user.get(),
            ],
        )
        .await
    }

    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError> {
        let delete = "DELETE FROM factors WHERE id = $1 AND \"user\" = $2";
        self.changes(delete, &[&id.get(), &user.get()]).await
    }

    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.execute("DELETE FROM factors WHERE \"user\" = $1", &[&user.get()]).await
    }
}
