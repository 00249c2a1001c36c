//! The statements that read the audit log as a Merkle log.

use std::collections::HashMap;

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStore;
use super::records::record_columns;
use crate::audit::LogHash;
use crate::store::StoreError;
use crate::store::columns::{Columns, sql_number};
use crate::store::log_reads::{LOG_BATCH, LeafRow, LogReads, LogState, OrphanRecords};
use crate::store::rows::UnsealedRecord;

pub(super) const LAST_CHECKPOINT: &str =
    "SELECT note FROM audit_checkpoints ORDER BY hour DESC LIMIT 1";

pub(super) const REGISTERED_KEY: &str =
    "SELECT first_leaf, verifier_key, checkpoint FROM audit_keys ORDER BY first_leaf DESC LIMIT 1";

/// The unsealed records after a number, at most so many.
///
/// `OFFSET 0` keeps the server from joins that read the tables from their beginning on.
pub(super) const UNSEALED: &str = concat!(
    "SELECT record, leaf, ",
    record_columns!(),
    " FROM (SELECT record FROM audit_unsealed WHERE record > $1 ORDER BY record LIMIT $2) \
     AS unsealed \
     LEFT JOIN LATERAL (SELECT ",
    record_columns!(),
    " FROM audit WHERE sequence = unsealed.record OFFSET 0) AS found ON TRUE \
     LEFT JOIN LATERAL (SELECT leaf FROM audit_leaves \
         WHERE audit_leaves.record = unsealed.record OFFSET 0) AS sealed ON TRUE \
     ORDER BY record"
);

pub(super) const HASHES_AT: &str =
    "SELECT position, hash FROM audit_hashes WHERE position = ANY ($1)";

/// Selects leaves with their records.
macro_rules! select_leaves {
    ($rest:literal) => {
        concat!(
            "SELECT leaf, record, ",
            record_columns!(),
            " FROM audit_leaves LEFT JOIN audit ON sequence = record ",
            $rest
        )
    };
}

/// The records up to one that are neither sealed nor unsealed. The numbers are bounded in each table:
/// otherwise the server may join all leaves up to these.
const ORPHAN_RECORDS: &str = concat!(
    "SELECT ",
    record_columns!(),
    " FROM audit WHERE sequence > $1 AND sequence <= $2 \
     AND NOT EXISTS (SELECT FROM audit_leaves WHERE record = sequence AND leaf >= $3 \
         AND record > $1 AND record <= $2) \
     AND NOT EXISTS (SELECT FROM audit_unsealed WHERE record = sequence \
         AND record > $1 AND record <= $2)"
);

/// Returns numbers as the database has them.
pub(super) fn numbers(numbers: &[u64]) -> Vec<i64> {
    numbers.iter().copied().map(sql_number).collect()
}

/// Returns found hashes in the order of their positions.
pub(super) fn in_order(positions: &[u64], found: &[Row]) -> Result<Vec<LogHash>, StoreError> {
    let found = found.iter().map(|row| Columns(row).log_hash());
    let found = found.collect::<Result<HashMap<_, _>, _>>()?;
    Ok(positions.iter().filter_map(|position| found.get(position)).copied().collect())
}

#[async_trait]
impl LogReads for PostgresStore {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        let state = "SELECT last.note, last.size AS checkpoint_size, \
             (SELECT max(leaf) FROM audit_leaves) AS last_leaf, \
             (SELECT max(position) FROM audit_hashes) AS last_position, \
             (SELECT size FROM audit_detached) AS detached, \
             (SELECT note FROM audit_detached) AS detachment, \
             EXISTS (SELECT FROM audit_unsealed) AS has_unsealed, first_leaf, verifier_key, \
             checkpoint FROM (VALUES (1)) AS state LEFT JOIN (SELECT first_leaf, verifier_key, \
             checkpoint FROM audit_keys ORDER BY first_leaf DESC LIMIT 1) AS key ON TRUE \
             LEFT JOIN (SELECT note, size FROM audit_checkpoints \
             ORDER BY hour DESC LIMIT 1) AS last ON TRUE";
        let state = self.read_in_background(state, &[]).await?.into_iter().next();
        Columns(&state.ok_or(StoreError::Corrupt("audit log"))?).log_state()
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        let first = self.read_optional("SELECT min(leaf) AS leaf FROM audit_leaves", &[]).await?;
        first.map_or(Ok(None), |row| Columns(&row).optional_integer("leaf"))
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        let select = select_leaves!("WHERE leaf >= $1 AND leaf < $2 ORDER BY leaf");
        let leaves = self.read_all(select, &[&sql_number(from), &sql_number(until)]).await?;
        leaves.iter().map(|row| Columns(row).leaf()).collect()
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        let select = select_leaves!("WHERE record = $1");
        let leaf = self.read_optional(select, &[&sql_number(record)]).await?;
        leaf.map(|row| Columns(&row).leaf()).transpose()
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        let select =
            "SELECT position, hash FROM audit_hashes WHERE position >= $1 AND position < $2";
        let hashes = self.read_all(select, &[&sql_number(from), &sql_number(until)]).await?;
        hashes.iter().map(|row| Columns(row).log_hash()).collect()
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        in_order(positions, &self.read_in_background(HASHES_AT, &[&numbers(positions)]).await?)
    }

    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        let unsealed =
            self.read_all(UNSEALED, &[&sql_number(after), &sql_number(LOG_BATCH)]).await?;
        unsealed.iter().map(|row| Columns(row).unsealed_record()).collect()
    }

    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        let last = "SELECT max(sequence) AS last FROM \
             (SELECT sequence FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT 10000) AS page";
        let last = self.read_optional(last, &[&after]).await?;
        let last = last.ok_or(StoreError::Corrupt("audit log"))?;
        let Some(last) = Columns(&last).optional_integer("last")? else { return Ok(None) };
        let orphans =
            self.read_all(ORPHAN_RECORDS, &[&after, &last, &sql_number(first_leaf)]).await?;
        let records =
            orphans.iter().map(|row| Columns(row).orphan_record()).collect::<Result<_, _>>()?;
        Ok(Some(OrphanRecords { last, records }))
    }
}
