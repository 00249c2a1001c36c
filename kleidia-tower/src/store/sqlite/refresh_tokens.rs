//! The statements on families and refresh tokens.

use async_trait::async_trait;
use sqlx::query;

use super::statements::SqliteRows;
use crate::store::StoreError;
use crate::store::columns::{Columns, json_array, revoked_families, sql_limit};
use crate::store::rows::{Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily};
use crate::{FamilyId, TokenDigest, UserId};

#[async_trait]
impl RefreshTokenRows for SqliteRows<'_> {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        let insert = query("INSERT INTO families (user) VALUES (?)").bind(user.get());
        self.execute(insert).await.map(FamilyId::new)
    }

    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let update = query(
            "UPDATE families SET is_revoked = 1 WHERE id IN (SELECT value FROM json_each(?)) \
             AND is_revoked = 0 RETURNING id, expires_at",
        );
        revoked_families(&self.fetch_all(update.bind(json_array(families))).await?)
    }

    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let update = query(
            "UPDATE families SET is_revoked = 1 WHERE user = ? AND is_revoked = 0 \
             RETURNING id, expires_at",
        );
        revoked_families(&self.fetch_all(update.bind(user.get())).await?)
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        // Neither query reads more than `max` and `limit` entries of the index.
        let found = query(
            "SELECT id FROM families WHERE user = ?1 AND is_revoked = 0 ORDER BY expires_at, id \
             LIMIT (SELECT count(*) FROM (SELECT 1 FROM families WHERE user = ?1 \
                 AND is_revoked = 0 ORDER BY expires_at, id LIMIT ?3 OFFSET ?2))",
        );
        let found = found.bind(user.get()).bind(sql_limit(max)).bind(sql_limit(limit));
        let found = self.fetch_all(found).await?;
        found.iter().map(|row| Columns(row).integer("id").map(FamilyId::new)).collect()
    }

    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError> {
        let found = query(
            "SELECT families.user FROM refresh_tokens JOIN families ON families.id = family \
             WHERE digest = ?",
        );
        let found = self.fetch_optional(found.bind(digest.0.to_vec())).await?;
        found.map(|row| Columns(&row).integer("user").map(UserId::new)).transpose()
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError> {
        let found = query(
            "SELECT refresh_tokens.*, is_revoked FROM refresh_tokens \
             JOIN families ON families.id = family WHERE digest = ?",
        );
        let found = self.fetch_optional(found.bind(digest.0.to_vec())).await?;
        found.map(|row| Columns(&row).refresh_token()).transpose()
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO refresh_tokens (digest, family, session, expires_at) VALUES (?, ?, ?, ?)",
        );
        let insert =
            insert.bind(row.digest.0.to_vec()).bind(row.family.get()).bind(row.session.get());
        self.execute(insert.bind(row.expires_at.as_second())).await?;
        let update = query("UPDATE families SET expires_at = max(expires_at, ?) WHERE id = ?");
        self.execute(update.bind(row.expires_at.as_second()).bind(row.family.get())).await.map(drop)
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE refresh_tokens SET consumed_at = ?, successor = ?, wrapped = ? \
             WHERE digest = ? AND consumed_at IS NULL",
        );
        let update = update.bind(consumed.at.as_second()).bind(consumed.successor.0.to_vec());
        self.changes(update.bind(consumed.wrapped.0.to_vec()).bind(digest.0.to_vec())).await
    }
}
