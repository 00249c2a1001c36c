//! The Merkle log that seals the records: leaves, hashes and checkpoints.

use async_trait::async_trait;
use kleidia_tower::audit::{AuditRecord, LogHash};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{
    LOG_BATCH, LeafRow, LogReads, LogState, OrphanRecords, RegisteredKey, SealedBatch,
    UnsealedRecord,
};
use redb::{ReadableTable, ReadableTableMetadata as _, WriteTransaction};

use crate::audit::decode_record;
use crate::store::RedbStore;
use crate::tables::{
    CHECKPOINTS, HASHES, KEYS, KeyValue, LEAF_OF_RECORD, LEAVES, RECORDS, UNSEALED, corrupt,
    unavailable,
};

/// How many records one search for orphan records reads.
const ORPHAN_RECORDS: usize = 10_000;

/// Returns the note of the last checkpoint.
pub(crate) fn checkpoint(
    table: &impl ReadableTable<u64, &'static str>,
) -> Result<Option<String>, StoreError> {
    let last = table.last().map_err(unavailable)?;
    Ok(last.map(|(_, note)| note.value().to_owned()))
}

/// Returns the last registered key.
pub(crate) fn registered_key(
    table: &impl ReadableTable<u64, KeyValue>,
) -> Result<Option<RegisteredKey>, StoreError> {
    let Some((first_leaf, key)) = table.last().map_err(unavailable)? else { return Ok(None) };
    let (verifier_key, checkpoint) = key.value();
    Ok(Some(RegisteredKey {
        first_leaf: first_leaf.value(),
        verifier_key: verifier_key.to_owned(),
        checkpoint: checkpoint.map(str::to_owned),
    }))
}

pub(crate) fn unsealed(
    unsealed: &impl ReadableTable<u64, ()>,
    records: &impl ReadableTable<u64, &'static [u8]>,
    leaf_of: &impl ReadableTable<u64, u64>,
    after: u64,
    limit: usize,
) -> Result<Vec<UnsealedRecord>, StoreError> {
    let rows = unsealed.range(after.saturating_add(1)..).map_err(unavailable)?.take(limit);
    let entries = rows.map(|row| {
        let sequence = row.map_err(unavailable)?.0.value();
        let is_sealed = leaf_of.get(sequence).map_err(unavailable)?.is_some();
        Ok(UnsealedRecord { sequence, record: find(records, sequence)?, is_sealed })
    });
    entries.collect()
}

pub(crate) fn hashes_at(
    table: &impl ReadableTable<u64, LogHash>,
    positions: &[u64],
) -> Result<Vec<LogHash>, StoreError> {
    let found = positions.iter().map(|position| table.get(position).map_err(unavailable));
    let found = found.filter_map(Result::transpose);
    found.map(|hash| Ok(hash?.value())).collect()
}

/// Appends leaves, hashes and a checkpoint, of which none may exist.
pub(crate) fn append(
    transaction: &WriteTransaction,
    batch: &SealedBatch,
) -> Result<(), StoreError> {
    let exists = |is_new: bool| is_new.then_some(()).ok_or(corrupt("audit log: it is longer"));
    let mut unsealed = transaction.open_table(UNSEALED).map_err(unavailable)?;
    let mut leaves = transaction.open_table(LEAVES).map_err(unavailable)?;
    let mut leaf_of = transaction.open_table(LEAF_OF_RECORD).map_err(unavailable)?;
    for (leaf, record) in (batch.first_leaf..).zip(&batch.records) {
        exists(leaves.insert(leaf, record).map_err(unavailable)?.is_none())?;
        exists(leaf_of.insert(record, leaf).map_err(unavailable)?.is_none())?;
        unsealed.remove(record).map_err(unavailable)?;
    }
    let mut hashes = transaction.open_table(HASHES).map_err(unavailable)?;
    for (position, hash) in (batch.first_position..).zip(&batch.hashes) {
        exists(hashes.insert(position, hash).map_err(unavailable)?.is_none())?;
    }
    let mut checkpoints = transaction.open_table(CHECKPOINTS).map_err(unavailable)?;
    // Only the last one is needed.
    checkpoints.retain(|_, _| false).map_err(unavailable)?;
    let (size, note) = (batch.checkpoint.size(), batch.checkpoint.note());
    checkpoints.insert(size, note).map_err(unavailable)?;
    Ok(())
}

/// Returns a record, or an error if its row is invalid.
fn find(
    records: &impl ReadableTable<u64, &'static [u8]>,
    sequence: u64,
) -> Result<Option<Result<AuditRecord, StoreError>>, StoreError> {
    let found = records.get(sequence).map_err(unavailable)?;
    Ok(found.map(|value| decode_record(sequence, value.value())))
}

#[async_trait]
impl LogReads for RedbStore {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        let read = self.read()?;
        let leaves = read.open_table(LEAVES).map_err(unavailable)?;
        let last = leaves.last().map_err(unavailable)?;
        let checkpoints = read.open_table(CHECKPOINTS).map_err(unavailable)?;
        let checkpoint_size = checkpoints.last().map_err(unavailable)?;
        let hashes = read.open_table(HASHES).map_err(unavailable)?;
        let last_position = hashes.last().map_err(unavailable)?;
        let unsealed = read.open_table(UNSEALED).map_err(unavailable)?;
        Ok(LogState {
            checkpoint: checkpoint(&checkpoints)?,
            checkpoint_size: checkpoint_size.map(|(size, _)| size.value()),
            last_position: last_position.map(|(position, _)| position.value()),
            key: registered_key(&read.open_table(KEYS).map_err(unavailable)?)?,
            leaves: last.map_or(0, |(leaf, _)| leaf.value() + 1),
            // Without `AuditRows::detach` there is none.
            detached: 0,
            detachment: None,
            has_unsealed: !unsealed.is_empty().map_err(unavailable)?,
        })
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        let read = self.read()?;
        let leaves = read.open_table(LEAVES).map_err(unavailable)?;
        let first = leaves.first().map_err(unavailable)?;
        let first = first.map(|(leaf, _)| i64::try_from(leaf.value()));
        first.transpose().map_err(|_| corrupt("leaf of the audit log"))
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        let read = self.read()?;
        let leaves = read.open_table(LEAVES).map_err(unavailable)?;
        let records = read.open_table(RECORDS).map_err(unavailable)?;
        let rows = leaves.range(from..until).map_err(unavailable)?.map(|row| {
            let (leaf, record) = row.map_err(unavailable)?;
            let (leaf_index, sequence) = (leaf.value(), record.value());
            Ok(LeafRow { leaf_index, sequence, record: find(&records, sequence)? })
        });
        rows.collect()
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        let leaf_of = self.read()?.open_table(LEAF_OF_RECORD).map_err(unavailable)?;
        let Some(leaf) = leaf_of.get(record).map_err(unavailable)? else { return Ok(None) };
        let leaf = leaf.value();
        Ok(self.read_leaves(leaf, leaf + 1).await?.pop())
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        let hashes = self.read()?.open_table(HASHES).map_err(unavailable)?;
        let rows = hashes.range(from..until).map_err(unavailable)?.map(|row| {
            let (position, hash) = row.map_err(unavailable)?;
            Ok((position.value(), hash.value()))
        });
        rows.collect()
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        hashes_at(&self.read()?.open_table(HASHES).map_err(unavailable)?, positions)
    }

    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        let read = self.read()?;
        let entries = read.open_table(UNSEALED).map_err(unavailable)?;
        let records = read.open_table(RECORDS).map_err(unavailable)?;
        let leaf_of = read.open_table(LEAF_OF_RECORD).map_err(unavailable)?;
        let limit = usize::try_from(LOG_BATCH).unwrap_or(usize::MAX);
        unsealed(&entries, &records, &leaf_of, after, limit)
    }

    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        let read = self.read()?;
        let records = read.open_table(RECORDS).map_err(unavailable)?;
        let unsealed = read.open_table(UNSEALED).map_err(unavailable)?;
        let leaf_of = read.open_table(LEAF_OF_RECORD).map_err(unavailable)?;
        let (mut last, mut orphans) = (None, Vec::new());
        let first = u64::try_from(after).map_or(0, |after| after + 1);
        for row in records.range(first..).map_err(unavailable)?.take(ORPHAN_RECORDS) {
            let (sequence, value) = row.map_err(unavailable)?;
            let sequence = sequence.value();
            last = Some(i64::try_from(sequence).map_err(|_| corrupt("record number"))?);
            let leaf = leaf_of.get(sequence).map_err(unavailable)?;
            let is_known = leaf.is_some_and(|leaf| leaf.value() >= first_leaf)
                || unsealed.get(sequence).map_err(unavailable)?.is_some();
            if !is_known {
                orphans.push((sequence, decode_record(sequence, value.value())));
            }
        }
        Ok(last.map(|last| OrphanRecords { last, records: orphans }))
    }
}
