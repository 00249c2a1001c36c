//! The statements on the audit log.

use async_trait::async_trait;

use crate::audit::{AuditKey, AuditRecord, Checkpoint, Detachment, LogHash};
use crate::store::StoreError;
use crate::store::log_reads::RegisteredKey;

/// The audit log: its records, and the Merkle log that seals them.
#[async_trait]
pub trait AuditRows: Send {
    /// Returns the secret key of the log
    /// ([`LogKey::recording_key`](crate::audit::LogKey::recording_key)).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store was opened to verify the log only.
    fn audit_key(&self) -> Result<AuditKey, StoreError>;

    /// Returns new numbers for records, ascending, from 1 on. No record has them, and no other
    /// transaction gets them, also if this one is rolled back; so take no lock for them. They may
    /// have gaps, and be in another order than the commits of their transactions.
    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError>;

    /// Inserts records, at least one, which are unsealed.
    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// Locks the Merkle log. If another transaction has locked it, this one waits, or returns
    /// `false` without the lock. The statements after it must see what the previous holder has
    /// committed.
    async fn lock_sealing(&mut self, waits: bool) -> Result<bool, StoreError>;

    /// Returns the last key that was registered for the log; `None` if there is none.
    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError>;

    /// Registers a key for the log, which is locked. Fails if one was registered for a leaf with
    /// this index or a larger one.
    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError>;

    /// Returns the note of the last checkpoint; `None` if there is none.
    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError>;

    /// Returns at most `limit` committed unsealed records after a number, ordered by number.
    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError>;

    /// Returns the hashes at these positions, in their order. Leaves out those that are missing.
    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError>;

    /// Appends leaves, hashes and a checkpoint to the Merkle log. The records of the leaves are no
    /// longer unsealed. Fails if there is a leaf with one of these indexes or records, or a hash at
    /// one of these positions.
    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError>;

    /// Returns the note of the [detachment](DetachedBatch::detachment); `None` if there is none, as
    /// by default.
    async fn detachment(&mut self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// Deletes the first leaves of the Merkle log, their records, and hashes, and stores the
    /// detachment instead of the previous one. Returns `false` without changes if the log does not
    /// begin with the first leaf of the batch. Nothing else may delete them.
    ///
    /// By default it fails: then the log grows for ever.
    async fn detach(&mut self, _batch: &DetachedBatch) -> Result<bool, StoreError> {
        Err(StoreError::unavailable("this store does not detach audit records"))
    }
}

/// An entry of the unsealed records.
#[derive(Debug)]
pub struct UnsealedRecord {
    /// The number of the record.
    pub sequence: u64,
    /// The record, or an error if its row is invalid; `None` if it is missing.
    pub record: Option<Result<AuditRecord, StoreError>>,
    /// Whether the Merkle log has a leaf of this record already.
    pub is_sealed: bool,
}

/// What one transaction appends to the Merkle log.
#[derive(Debug)]
pub struct SealedBatch {
    /// The index of the first leaf; the others follow it.
    pub first_leaf: u64,
    /// The numbers of the records, one for each leaf.
    pub records: Vec<u64>,
    /// The position of the first hash; the others follow it.
    pub first_position: u64,
    /// The hashes of the nodes that the leaves complete.
    pub hashes: Vec<LogHash>,
    /// The checkpoint of the log after that.
    pub checkpoint: Checkpoint,
}

/// What one transaction deletes from the Merkle log.
#[derive(Debug)]
pub struct DetachedBatch {
    /// The index of the first leaf, which is the number of leaves that were detached before. The
    /// others follow it.
    pub first_leaf: u64,
    /// The numbers of the records, one for each leaf.
    pub records: Vec<u64>,
    /// The positions of the hashes that are no longer needed.
    pub positions: Vec<u64>,
    /// The position of the first hash after the detached leaves.
    pub next_position: u64,
    /// What is detached after that. [`LogState`](super::LogState) has its note.
    pub detachment: Detachment,
}
