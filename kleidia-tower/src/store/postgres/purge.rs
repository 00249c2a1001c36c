//! Deletes expired rows in batches.

use std::time::Instant;

use async_trait::async_trait;
use tokio::time::timeout;

use super::PostgresStore;
use super::error::store_error;
use super::statements::PostgresRows;
use super::store::finish;
use crate::store::columns::sql_limit;
use crate::store::without_subscriber::without_subscriber;
use crate::store::{PurgeStore, Retention, StoreError};
use crate::{Timestamp, time};

/// Rows that operations have locked are left for the next time.
const TOKENS: &str = "DELETE FROM refresh_tokens WHERE digest IN \
    (SELECT digest FROM refresh_tokens WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// While a refresh token is stored, the sessions of its family are kept to detect reuse.
const SESSIONS: &str = "DELETE FROM sessions WHERE id IN (SELECT sessions.id FROM families \
    JOIN sessions ON sessions.family = families.id WHERE families.expires_at <= $1 \
    AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE family = families.id) \
    AND NOT EXISTS (SELECT 1 FROM sessions AS other \
        WHERE other.family = families.id AND other.expires_at > $1) \
    LIMIT $2 FOR UPDATE OF sessions SKIP LOCKED)";

const FAMILIES: &str = "DELETE FROM families WHERE id IN (SELECT id FROM families \
    WHERE expires_at <= $1 AND NOT EXISTS (SELECT 1 FROM sessions WHERE family = families.id) \
    LIMIT $2 FOR UPDATE SKIP LOCKED)";

const FAILURES: &str = "DELETE FROM failures WHERE (name_digest, source) IN \
    (SELECT name_digest, source FROM failures WHERE expires_at <= $1 LIMIT $2 \
    FOR UPDATE SKIP LOCKED)";

const CODES: &str = "DELETE FROM one_time_codes WHERE digest IN \
    (SELECT digest FROM one_time_codes WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

#[async_trait]
impl PurgeStore for PostgresStore {
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let limit = sql_limit(limit);
        let since = time::sub(now, retention.sessions()).as_second();
        let mut lease = self.connections().background().await?;
        let purging = async {
            let (transaction, committing_since) = lease.begin().await?;
            let mut rows = PostgresRows::new(&transaction, self.key());
            let tokens = rows.execute(TOKENS, &[&now.as_second(), &limit]).await?;
            let sessions = rows.execute(SESSIONS, &[&since, &limit]).await?;
            rows.execute(FAMILIES, &[&since, &limit]).await?;
            let failures = rows.execute(FAILURES, &[&now.as_second(), &limit]).await?;
            let codes = rows.execute(CODES, &[&now.as_second(), &limit]).await?;
            *committing_since = Some(Instant::now());
            transaction.commit().await.map_err(store_error)?;
            Ok(tokens + sessions + failures + codes)
        };
        let outcome =
            timeout(self.connections().operation_timeout, without_subscriber(purging)).await;
        let purged = finish(lease, outcome)?;
        usize::try_from(purged).map_err(|_| StoreError::Corrupt("count"))
    }
}
