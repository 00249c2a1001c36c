//! The statements on failure counters and familiar devices.

use async_trait::async_trait;

use super::statements::PostgresRows;
use crate::store::StoreError;
use crate::store::columns::{Columns, sql_limit};
use crate::store::rows::{FailureRow, FailureRows, FailureScope, name_digest};
use crate::{Timestamp, UserName};

#[async_trait]
impl FailureRows for PostgresRows<'_> {
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError> {
        // Inserts the row if there is none, since only a row can be locked.
        let row = self
            .fetch_one(
                "INSERT INTO failures (name_digest, source) VALUES ($1, '') \
                 ON CONFLICT (name_digest, source) DO UPDATE SET failures = failures.failures \
                 RETURNING failures, pending, pending_at, last_failure_at, locked_until, \
                 forgotten_at, succeeded_at, expires_at",
                &[&name_digest(name).as_slice()],
            )
            .await?;
        Columns(&row).failures().map(Some)
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        let found = self
            .fetch_optional(
                "SELECT failures, pending, pending_at, last_failure_at, locked_until, \
                 forgotten_at, succeeded_at, expires_at FROM failures \
                 WHERE name_digest = $1 AND source = $2",
                &[&name_digest(name).as_slice(), &scope.to_string()],
            )
            .await?;
        found.map(|row| Columns(&row).failures()).transpose()
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO failures (name_digest, source, failures, pending, pending_at, \
             last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (name_digest, source) DO UPDATE SET failures = $3, pending = $4, \
             pending_at = $5, last_failure_at = $6, locked_until = $7, forgotten_at = $8, \
             succeeded_at = $9, expires_at = $10",
            &[
                &name_digest(name).as_slice(),
                &scope.to_string(),
                &i64::from(row.failures),
                &i64::from(row.pending),
                &row.pending_at.as_second(),
                &row.last_failure_at.as_second(),
                &row.locked_until.as_second(),
                &row.forgotten_at.as_second(),
                &row.succeeded_at.map(Timestamp::as_second),
                &row.expires_at.as_second(),
            ],
        )
        .await
        .map(drop)
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let digest = name_digest(name);
        let digest = digest.as_slice();
        let delete = "DELETE FROM failures WHERE name_digest = $1 AND succeeded_at IS NULL";
        self.execute(delete, &[&digest]).await?;
        self.execute(
            "UPDATE failures SET failures = 0, pending = 0, pending_at = 0, last_failure_at = 0, \
             locked_until = 0, forgotten_at = 0 WHERE name_digest = $1",
            &[&digest],
        )
        .await
        .map(drop)
    }

    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError> {
        self.delete_failures(to).await?;
        let update = "UPDATE failures SET name_digest = $1 WHERE name_digest = $2";
        let [to, from] = [to, from].map(name_digest);
        self.execute(update, &[&to.as_slice(), &from.as_slice()]).await.map(drop)
    }

    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let delete = "DELETE FROM failures WHERE name_digest = $1";
        self.execute(delete, &[&name_digest(name).as_slice()]).await.map(drop)
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        // The range of the texts that start with `device:`, in the order of the primary key.
        self.execute(
            "DELETE FROM failures WHERE name_digest = $1 AND source IN \
             (SELECT source FROM failures \
             WHERE name_digest = $1 AND source >= 'device:' AND source < 'device;' \
             ORDER BY succeeded_at DESC, source DESC OFFSET $2)",
            &[&name_digest(name).as_slice(), &sql_limit(max)],
        )
        .await
        .map(drop)
    }
}
