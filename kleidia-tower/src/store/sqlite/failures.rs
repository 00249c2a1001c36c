//! The statements on failure counters and familiar devices.

use async_trait::async_trait;
use sqlx::query;

use super::statements::SqliteRows;
use crate::store::StoreError;
use crate::store::columns::{Columns, sql_limit};
use crate::store::rows::{FailureRow, FailureRows, FailureScope, name_digest};
use crate::{Timestamp, UserName};

#[async_trait]
impl FailureRows for SqliteRows<'_> {
    async fn lock_failures(&mut self, name: &UserName) -> Result<Option<FailureRow>, StoreError> {
        self.failures(name, FailureScope::Account).await
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        let found = query("SELECT * FROM failures WHERE name_digest = ? AND source = ?");
        let found = self
            .fetch_optional(found.bind(name_digest(name).to_vec()).bind(scope.to_string()))
            .await?;
        found.map(|row| Columns(&row).failures()).transpose()
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        let put = query("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let put = put
            .bind(name_digest(name).to_vec())
            .bind(scope.to_string())
            .bind(i64::from(row.failures))
            .bind(i64::from(row.pending))
            .bind(row.pending_at.as_second())
            .bind(row.last_failure_at.as_second())
            .bind(row.locked_until.as_second())
            .bind(row.forgotten_at.as_second())
            .bind(row.succeeded_at.map(Timestamp::as_second))
            .bind(row.expires_at.as_second());
        self.execute(put).await.map(drop)
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let delete = query("DELETE FROM failures WHERE name_digest = ? AND succeeded_at IS NULL");
        self.execute(delete.bind(name_digest(name).to_vec())).await?;
        let update = query(
            "UPDATE failures SET failures = 0, pending = 0, pending_at = 0, last_failure_at = 0, \
             locked_until = 0, forgotten_at = 0 WHERE name_digest = ?",
        );
        self.execute(update.bind(name_digest(name).to_vec())).await.map(drop)
    }

    async fn move_failures(&mut self, from: &UserName, to: &UserName) -> Result<(), StoreError> {
        self.delete_failures(to).await?;
        let update = query("UPDATE failures SET name_digest = ? WHERE name_digest = ?");
        let update = update.bind(name_digest(to).to_vec()).bind(name_digest(from).to_vec());
        self.execute(update).await.map(drop)
    }

    async fn delete_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let delete = query("DELETE FROM failures WHERE name_digest = ?");
        self.execute(delete.bind(name_digest(name).to_vec())).await.map(drop)
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        // The range of the texts that start with `device:`, in the order of the primary key.
        let delete = query(
            "DELETE FROM failures WHERE name_digest = ?1 AND source IN \
             (SELECT source FROM failures \
             WHERE name_digest = ?1 AND source >= 'device:' AND source < 'device;' \
             ORDER BY succeeded_at DESC, source DESC LIMIT -1 OFFSET ?2)",
        );
        self.execute(delete.bind(name_digest(name).to_vec()).bind(sql_limit(max))).await.map(drop)
    }
}
