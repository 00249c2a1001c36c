//! The audit log in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Log, State};
use crate::audit::{AuditKey, AuditRecord, Checkpoint, LogConflict, LogHash};
use crate::store::log_reads::{LeafRow, LogReads, LogState, OrphanRecords, RegisteredKey};
use crate::store::rows::{AuditRows, Operation, SealedBatch, Transactional as _, UnsealedRecord};
use crate::store::{StoreError, operations};

#[async_trait]
impl AuditRows for State {
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.log.key.clone().ok_or_else(|| StoreError::unavailable("no random octets for a key"))
    }

    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let last = number(self.log.records.len());
        Ok((last + 1..).take(count).collect())
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.log.records.extend_from_slice(records);
        Ok(())
    }

    async fn lock_sealing(&mut self, _waits: bool) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError> {
        Ok(self.log.registered_key.clone())
    }

    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError> {
        self.log.registered_key = Some(key.clone());
        Ok(())
    }

    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.log.note())
    }

    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError> {
        let unsealed = self.log.records.iter().skip(self.log.sealed);
        let unsealed = unsealed.filter(|record| record.sequence > after).take(limit);
        Ok(unsealed.map(unsealed_record).collect())
    }

    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        Ok(self.log.hashes_at(positions))
    }

    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        self.log.sealed += batch.records.len();
        self.log.hashes.extend(&batch.hashes);
        self.log.checkpoint = Some(batch.checkpoint.clone());
        Ok(())
    }
}

impl Log {
    fn note(&self) -> Option<String> {
        self.checkpoint.as_ref().map(Checkpoint::note).map(str::to_owned)
    }

    fn hashes_at(&self, positions: &[u64]) -> Vec<LogHash> {
        let hashes = positions.iter().filter_map(|position| self.hashes.get(index(*position)));
        hashes.copied().collect()
    }

    fn leaf(&self, leaf_index: u64) -> Option<LeafRow> {
        let sealed = self.records.get(..self.sealed)?;
        let record = sealed.get(index(leaf_index))?;
        let (sequence, record) = (record.sequence, Some(Ok(record.clone())));
        Some(LeafRow { leaf_index, sequence, record })
    }
}

fn unsealed_record(record: &AuditRecord) -> UnsealedRecord {
    let (sequence, record) = (record.sequence, Some(Ok(record.clone())));
    UnsealedRecord { sequence, record, is_sealed: false }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

impl MemoryStore {
    /// Seals all records. They are sealed before the log is read: nothing else can read it.
    async fn seal_all(&self) -> Result<(), StoreError> {
        let mut after = Some(0);
        while let Some(start) = after {
            let seal = Operation::new("seal", |rows| {
                Box::pin(operations::seal(rows.0, None, start, true))
            });
            after = match self.write(seal).await {
                // A key that was replaced seals nothing more.
                Err(StoreError::Log(LogConflict::OtherKey { .. })) => None,
                sealed => sealed?.and_then(|sealed| sealed.more_after),
            };
        }
        Ok(())
    }
}

#[async_trait]
impl LogReads for MemoryStore {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        self.seal_all().await?;
        let log = &self.read()?.log;
        Ok(LogState {
            checkpoint: log.note(),
            checkpoint_size: log.checkpoint.as_ref().map(Checkpoint::size),
            last_position: log.hashes.len().checked_sub(1).map(number),
            key: log.registered_key.clone(),
            leaves: number(log.sealed),
            detached: 0,
            detachment: None,
            has_unsealed: false,
        })
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        Ok((self.read()?.log.sealed > 0).then_some(0))
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        let state = self.read()?;
        Ok((from..until).map_while(|leaf| state.log.leaf(leaf)).collect())
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        self.seal_all().await?;
        Ok(record.checked_sub(1).and_then(|leaf| self.read().ok()?.log.leaf(leaf)))
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        let state = self.read()?;
        let hashes = (from..until)
            .map_while(|position| Some((position, *state.log.hashes.get(index(position))?)));
        Ok(hashes.collect())
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        Ok(self.read()?.log.hashes_at(positions))
    }

    async fn read_unsealed(&self, _after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        self.seal_all().await?;
        Ok(Vec::new())
    }

    async fn read_orphan_records(
        &self,
        _after: i64,
        _first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        Ok(None)
    }
}
