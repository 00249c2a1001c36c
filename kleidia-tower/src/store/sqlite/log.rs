//! The statements that read the audit log as a Merkle log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, query};

use super::SqliteStore;
use super::error::store_error;
use super::statements::Query;
use crate::audit::LogHash;
use crate::store::StoreError;
use crate::store::columns::{Columns, sql_limit, sql_number};
use crate::store::log_reads::{LOG_BATCH, LeafRow, LogReads, LogState, OrphanRecords};
use crate::store::rows::UnsealedRecord;
use crate::store::without_subscriber::without_subscriber;

pub(super) const LAST_CHECKPOINT: &str =
    "SELECT note FROM audit_checkpoints ORDER BY hour DESC LIMIT 1";

pub(super) const REGISTERED_KEY: &str = "SELECT * FROM audit_keys ORDER BY first_leaf DESC LIMIT 1";

/// The unsealed records after a number, at most so many.
pub(super) const UNSEALED: &str = "SELECT audit_unsealed.record, leaf, audit.* FROM audit_unsealed \
    LEFT JOIN audit ON sequence = audit_unsealed.record \
    LEFT JOIN audit_leaves ON audit_leaves.record = audit_unsealed.record \
    WHERE audit_unsealed.record > ? ORDER BY audit_unsealed.record LIMIT ?";

/// How many records one search for orphan records reads.
const ORPHAN_RECORDS: usize = 10_000;

/// Selects the hashes at some positions.
pub(super) fn select_hashes(positions: &[u64]) -> QueryBuilder<Sqlite> {
    let mut select = QueryBuilder::new("SELECT * FROM audit_hashes WHERE position IN (");
    let mut list = select.separated(", ");
    for position in positions {
        list.push_bind(sql_number(*position));
    }
    list.push_unseparated(")");
    select
}

/// Returns found hashes in the order of their positions.
pub(super) fn in_order(positions: &[u64], found: &[SqliteRow]) -> Result<Vec<LogHash>, StoreError> {
    let found = found.iter().map(|row| Columns(row).log_hash());
    let found = found.collect::<Result<HashMap<_, _>, _>>()?;
    Ok(positions.iter().filter_map(|position| found.get(position)).copied().collect())
}

#[async_trait]
impl LogReads for SqliteStore {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        let state = query(
            "SELECT last.note, last.size AS checkpoint_size, \
             (SELECT max(leaf) FROM audit_leaves) AS last_leaf, \
             (SELECT max(position) FROM audit_hashes) AS last_position, \
             (SELECT size FROM audit_detached) AS detached, \
             (SELECT note FROM audit_detached) AS detachment, \
             EXISTS (SELECT 1 FROM audit_unsealed) AS has_unsealed, first_leaf, verifier_key, \
             checkpoint FROM (SELECT 1) LEFT JOIN \
             (SELECT * FROM audit_keys ORDER BY first_leaf DESC LIMIT 1) LEFT JOIN \
             (SELECT note, size FROM audit_checkpoints ORDER BY hour DESC LIMIT 1) AS last",
        );
        let state = self.read_rows(state).await?;
        let state = state.first().ok_or(StoreError::Corrupt("audit log"))?;
        Columns(state).log_state()
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        let first = self.read_rows(query("SELECT min(leaf) AS leaf FROM audit_leaves")).await?;
        first.first().map_or(Ok(None), |row| Columns(row).optional_integer("leaf"))
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        let leaves = query(
            "SELECT leaf, record, audit.* FROM audit_leaves LEFT JOIN audit ON sequence = record \
             WHERE leaf >= ? AND leaf < ? ORDER BY leaf",
        );
        let leaves = leaves.bind(sql_number(from)).bind(sql_number(until));
        let leaves = self.read_rows(leaves).await?;
        leaves.iter().map(|row| Columns(row).leaf()).collect()
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        let leaf = query(
            "SELECT leaf, record, audit.* FROM audit_leaves LEFT JOIN audit ON sequence = record \
             WHERE record = ?",
        );
        let leaf = self.read_rows(leaf.bind(sql_number(record))).await?;
        leaf.first().map(|row| Columns(row).leaf()).transpose()
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        let hashes = query("SELECT * FROM audit_hashes WHERE position >= ? AND position < ?");
        let hashes = self.read_rows(hashes.bind(sql_number(from)).bind(sql_number(until))).await?;
        hashes.iter().map(|row| Columns(row).log_hash()).collect()
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        let mut select = select_hashes(positions);
        in_order(positions, &self.read_rows(select.build()).await?)
    }

    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        let unsealed = query(UNSEALED).bind(sql_number(after)).bind(sql_number(LOG_BATCH));
        let unsealed = self.read_rows(unsealed).await?;
        unsealed.iter().map(|row| Columns(row).unsealed_record()).collect()
    }

    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        let last = query(
            "SELECT max(sequence) AS last FROM \
             (SELECT sequence FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?)",
        );
        let last = self.read_rows(last.bind(after).bind(sql_limit(ORPHAN_RECORDS))).await?;
        let last = last.first().ok_or(StoreError::Corrupt("audit log"))?;
        let Some(last) = Columns(last).optional_integer("last")? else { return Ok(None) };
        let orphans = query(
            "SELECT * FROM audit WHERE sequence > ? AND sequence <= ? \
             AND NOT EXISTS (SELECT 1 FROM audit_leaves WHERE record = sequence AND leaf >= ?) \
             AND NOT EXISTS (SELECT 1 FROM audit_unsealed WHERE record = sequence)",
        );
        let orphans =
            self.read_rows(orphans.bind(after).bind(last).bind(sql_number(first_leaf))).await?;
        let records =
            orphans.iter().map(|row| Columns(row).orphan_record()).collect::<Result<_, _>>()?;
        Ok(Some(OrphanRecords { last, records }))
    }
}

impl SqliteStore {
    async fn read_rows(&self, select: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        without_subscriber(select.fetch_all(self.readers()?)).await.map_err(store_error)
    }
}
