//! Deletes expired rows in batches.

use async_trait::async_trait;
use sqlx::query;

use super::SqliteStore;
use super::statements::SqliteRows;
use crate::store::{PurgeStore, Retention, StoreError};
use crate::{Timestamp, time};

#[async_trait]
impl PurgeStore for SqliteStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.begin_always().await?;
        let purged = self.rows(&mut transaction).purge(now, retention, limit).await?;
        self.commit(transaction).await?;
        Ok(purged)
    }
}

impl SqliteRows<'_> {
    /// Deletes at most `limit` rows of each kind.
    async fn purge(
        &mut self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let tokens = query(
            "DELETE FROM refresh_tokens WHERE digest IN \
             (SELECT digest FROM refresh_tokens WHERE expires_at <= ? LIMIT ?)",
        );
        let tokens = self.delete(tokens.bind(now.as_second()).bind(limit)).await?;
        let since = time::sub(now, retention.sessions()).as_second();
        // While a refresh token is stored, the sessions of its family are kept to detect reuse.
        let sessions = query(
            "DELETE FROM sessions WHERE id IN (SELECT sessions.id FROM families \
             JOIN sessions ON sessions.family = families.id WHERE families.expires_at <= ?1 \
             AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE family = families.id) \
             AND NOT EXISTS (SELECT 1 FROM sessions AS other \
                 WHERE other.family = families.id AND other.expires_at > ?1) LIMIT ?2)",
        );
        let sessions = self.delete(sessions.bind(since).bind(limit)).await?;
        let families = query(
            "DELETE FROM families WHERE id IN (SELECT id FROM families WHERE expires_at <= ? \
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE family = families.id) LIMIT ?)",
        );
        self.delete(families.bind(since).bind(limit)).await?;
        let failures = query(
            "DELETE FROM failures WHERE (name_digest, source) IN \
             (SELECT name_digest, source FROM failures WHERE expires_at <= ? LIMIT ?)",
        );
        let failures = self.delete(failures.bind(now.as_second()).bind(limit)).await?;
        let codes = query(
            "DELETE FROM one_time_codes WHERE digest IN \
             (SELECT digest FROM one_time_codes WHERE expires_at <= ? LIMIT ?)",
        );
        let codes = self.delete(codes.bind(now.as_second()).bind(limit)).await?;
        usize::try_from(tokens + sessions + failures + codes)
            .map_err(|_| StoreError::Corrupt("count"))
    }
}
