//! The statements on families and refresh tokens.

use async_trait::async_trait;

use super::statements::PostgresRows;
use crate::store::StoreError;
use crate::store::columns::{Columns, revoked_families, sql_limit};
use crate::store::rows::{Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily};
use crate::{FamilyId, TokenDigest, UserId};

#[async_trait]
impl RefreshTokenRows for PostgresRows<'_> {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        let insert = "INSERT INTO families (\"user\") VALUES ($1) RETURNING id";
        let row = self.fetch_one(insert, &[&user.get()]).await?;
        Columns(&row).integer("id").map(FamilyId::new)
    }

    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let update = "UPDATE families SET is_revoked = TRUE WHERE id = ANY($1) AND NOT is_revoked \
                      RETURNING id, expires_at";
        let ids: Vec<_> = families.iter().map(|family| family.get()).collect();
        revoked_families(&self.fetch_all(update, &[&ids]).await?)
    }

    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let update = "UPDATE families SET is_revoked = TRUE WHERE \"user\" = $1 \
                      AND NOT is_revoked RETURNING id, expires_at";
        revoked_families(&self.fetch_all(update, &[&user.get()]).await?)
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        // Neither query reads more than `max` and `limit` entries of the index.
        let found = self
            .fetch_all(
                "SELECT id FROM families WHERE \"user\" = $1 AND NOT is_revoked \
                 ORDER BY expires_at, id \
                 LIMIT (SELECT count(*) FROM (SELECT 1 FROM families WHERE \"user\" = $1 \
                     AND NOT is_revoked ORDER BY expires_at, id LIMIT $3 OFFSET $2) AS excess)",
                &[&user.get(), &sql_limit(max), &sql_limit(limit)],
            )
            .await?;
        found.iter().map(|row| Columns(row).integer("id").map(FamilyId::new)).collect()
    }

    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError> {
        let found = self
            .fetch_optional(
                "SELECT \"user\" FROM refresh_tokens JOIN families ON families.id = family \
                 WHERE digest = $1",
                &[&digest.0.as_slice()],
            )
            .await?;
        found.map(|row| Columns(&row).integer("user").map(UserId::new)).transpose()
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError> {
        // The purge skips locked tokens. The lock of the account protects the family.
        let found = self
            .fetch_optional(
                "SELECT digest, family, session, refresh_tokens.expires_at, consumed_at, \
                 successor, wrapped, is_revoked FROM refresh_tokens \
                 JOIN families ON families.id = family \
                 WHERE digest = $1 FOR NO KEY UPDATE OF refresh_tokens",
                &[&digest.0.as_slice()],
            )
            .await?;
        found.map(|row| Columns(&row).refresh_token()).transpose()
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        self.execute_later(
            &[
                "INSERT INTO refresh_tokens (digest, family, session, expires_at) \
                 VALUES ($1, $2, $3, $4)",
                "UPDATE families SET expires_at = $4 WHERE id = $2 AND expires_at < $4",
            ],
            vec![
                Box::new(row.digest.0.to_vec()),
                Box::new(row.family.get()),
                Box::new(row.session.get()),
                Box::new(row.expires_at.as_second()),
            ],
        );
        Ok(())
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError> {
        self.changes(
            "UPDATE refresh_tokens SET consumed_at = $1, successor = $2, wrapped = $3 \
             WHERE digest = $4 AND consumed_at IS NULL",
            &[
                &consumed.at.as_second(),
                &consumed.successor.0.as_slice(),
                &consumed.wrapped.0.as_slice(),
                &digest.0.as_slice(),
            ],
        )
        .await
    }
}
