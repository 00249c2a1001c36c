//! The statements on the audit log within a transaction.

use async_trait::async_trait;
use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, query};

use super::error::store_error;
use super::log;
use super::statements::SqliteRows;
use crate::audit::{AuditKey, AuditRecord, AuditedRequest, LogHash};
use crate::store::StoreError;
use crate::store::columns::{Columns, sequence, sql_limit, sql_number};
use crate::store::rows::{AuditRows, DetachedBatch, RegisteredKey, SealedBatch, UnsealedRecord};
use crate::{SessionId, UserAgent, UserId};

#[async_trait]
impl AuditRows for SqliteRows<'_> {
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.key.recording_key()
    }

    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let last = query(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) AS last",
        );
        let last = self.fetch_optional(last).await?.ok_or(StoreError::Corrupt("record number"))?;
        let last = sequence(Columns(&last).integer("last")?)?;
        Ok((last + 1..).take(count).collect())
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        // Of 15 columns, which are as many parameters as SQLite has at most.
        for records in records.chunks(2000) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO audit ");
            insert.push_values(records, |mut row, record| push_record(&mut row, record));
            self.execute(insert.build()).await?;
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO audit_unsealed ");
            insert.push_values(records, |mut row, record| {
                row.push_bind(sql_number(record.sequence));
            });
            self.execute(insert.build()).await?;
        }
        Ok(())
    }

    /// The transaction is the only one that writes.
    async fn lock_sealing(&mut self, _waits: bool) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError> {
        let key = self.fetch_optional(query(log::REGISTERED_KEY)).await?;
        key.map(|row| Columns(&row).registered_key()).transpose()
    }

    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError> {
        let insert =
            query("INSERT INTO audit_keys (first_leaf, verifier_key, checkpoint) VALUES (?, ?, ?)");
        let insert = insert.bind(sql_number(key.first_leaf)).bind(&*key.verifier_key);
        self.execute(insert.bind(key.checkpoint.as_deref())).await.map(drop)
    }

    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        let note = self.fetch_optional(query(log::LAST_CHECKPOINT)).await?;
        note.map(|row| Columns(&row).text("note").map(str::to_owned)).transpose()
    }

    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError> {
        let unsealed = query(log::UNSEALED).bind(sql_number(after)).bind(sql_limit(limit));
        let unsealed = self.fetch_all(unsealed).await?;
        unsealed.iter().map(|row| Columns(row).unsealed_record()).collect()
    }

    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        let mut select = log::select_hashes(positions);
        let found = select.build().fetch_all(&mut *self.connection).await.map_err(store_error)?;
        log::in_order(positions, &found)
    }

    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        let mut leaves = QueryBuilder::<Sqlite>::new("INSERT INTO audit_leaves (leaf, record) ");
        leaves.push_values((batch.first_leaf..).zip(&batch.records), |mut row, (leaf, record)| {
            row.push_bind(sql_number(leaf)).push_bind(sql_number(*record));
        });
        self.execute(leaves.build()).await?;
        let mut hashes = QueryBuilder::<Sqlite>::new("INSERT INTO audit_hashes (position, hash) ");
        let stored = (batch.first_position..).zip(&batch.hashes);
        hashes.push_values(stored, |mut row, (position, hash)| {
            row.push_bind(sql_number(position)).push_bind(hash.to_vec());
        });
        self.execute(hashes.build()).await?;
        self.delete_all("DELETE FROM audit_unsealed WHERE record IN (", &batch.records).await?;
        self.put_checkpoint(batch).await
    }

    async fn detachment(&mut self) -> Result<Option<String>, StoreError> {
        let note = self.fetch_optional(query("SELECT note FROM audit_detached")).await?;
        note.map_or(Ok(None), |row| Columns(&row).optional_text("note"))
    }

    async fn detach(&mut self, batch: &DetachedBatch) -> Result<bool, StoreError> {
        let (size, first) = (batch.detachment.size(), batch.first_leaf);
        let update = query(
            "UPDATE audit_detached SET size = ?2, next_position = ?3, note = ?4 WHERE size = ?1",
        );
        let update = update.bind(sql_number(first)).bind(sql_number(size));
        let update = update.bind(sql_number(batch.next_position)).bind(batch.detachment.note());
        if !self.changes(update).await? {
            return Ok(false);
        }
        self.delete_all("DELETE FROM audit WHERE sequence IN (", &batch.records).await?;
        let leaves = query("DELETE FROM audit_leaves WHERE leaf >= ? AND leaf < ?");
        self.execute(leaves.bind(sql_number(first)).bind(sql_number(size))).await?;
        self.delete_all("DELETE FROM audit_hashes WHERE position IN (", &batch.positions).await?;
        Ok(true)
    }
}

impl SqliteRows<'_> {
    /// Executes a deletion of rows with some numbers, with which the statement ends.
    async fn delete_all(&mut self, delete: &str, numbers: &[u64]) -> Result<(), StoreError> {
        let mut delete = QueryBuilder::<Sqlite>::new(delete);
        let mut list = delete.separated(", ");
        for number in numbers {
            list.push_bind(sql_number(*number));
        }
        list.push_unseparated(")");
        self.execute(delete.build()).await.map(drop)
    }

    /// Replaces the checkpoint of this hour. If the clock is set back, the hour stays the last one.
    async fn put_checkpoint(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        let update = query(
            "UPDATE audit_checkpoints SET size = ?1, note = ?2 \
             WHERE hour = (SELECT max(hour) FROM audit_checkpoints) AND hour >= unixepoch() / 3600",
        );
        let (size, note) = (sql_number(batch.checkpoint.size()), batch.checkpoint.note());
        if !self.changes(update.bind(size).bind(note)).await? {
            let insert = query("INSERT INTO audit_checkpoints VALUES (unixepoch() / 3600, ?1, ?2)");
            self.execute(insert.bind(size).bind(note)).await?;
        }
        Ok(())
    }
}

/// Pushes the columns of a record, in their order.
fn push_record(row: &mut Separated<'_, Sqlite, &'static str>, record: &AuditRecord) {
    let (user, actor) = (record.user.as_ref(), record.actor.as_ref());
    let request = record.request.as_ref();
    row.push_bind(sql_number(record.sequence))
        .push_bind(record.at.as_second())
        .push_bind(record.kind.as_str())
        .push_bind(record.outcome.as_str())
        .push_bind(user.and_then(|identity| identity.id).map(UserId::get))
        .push_bind(user.map(|identity| identity.name.as_str()))
        .push_bind(actor.and_then(|identity| identity.id).map(UserId::get))
        .push_bind(actor.map(|identity| identity.name.as_str()))
        .push_bind(record.session.map(SessionId::get))
        .push_bind(record.client.address.map(|address| address.to_string()))
        .push_bind(record.client.user_agent.as_ref().map(UserAgent::as_str))
        .push_bind(request.map(AuditedRequest::method))
        .push_bind(request.and_then(AuditedRequest::route))
        .push_bind(record.reason.as_deref())
        .push_bind(record.mac.to_vec());
}
