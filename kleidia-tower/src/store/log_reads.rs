//! The reads of the audit log that its verification and its proofs need.

use async_trait::async_trait;

use super::StoreError;
use super::rows::UnsealedRecord;
use crate::audit::{AuditRecord, LogHash};

/// The number of records that verification reads at a time.
pub const LOG_BATCH: u64 = 1000;

/// The reads of the audit log that its verification and its proofs need. Each sees what was
/// committed at one time.
#[async_trait]
pub trait LogReads: Send + Sync + 'static {
    /// Returns the state of the Merkle log.
    async fn read_log_state(&self) -> Result<LogState, StoreError>;

    /// Returns the smallest index of a leaf; `None` if there are none.
    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError>;

    /// Returns the leaves from an index to another (exclusive), in order.
    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError>;

    /// Returns the leaf of a record; `None` if it is unsealed, or if there is no such record.
    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError>;

    /// Returns the hashes from a position to another (exclusive), with their positions.
    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError>;

    /// Returns the hashes at these positions, in their order. Leaves out those that are missing.
    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError>;

    /// Returns at most [`LOG_BATCH`] unsealed records after a number, ordered by number.
    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError>;

    /// Looks at a bounded number of records after a number, and returns those that are neither
    /// unsealed nor have a leaf from an index on; `None` if there are no records after it.
    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError>;
}

/// The state of the Merkle log.
#[derive(Debug)]
pub struct LogState {
    /// The note of the last checkpoint; `None` if there is none.
    pub checkpoint: Option<String>,
    /// The size of this checkpoint, if it is stored apart from the note.
    pub checkpoint_size: Option<u64>,
    /// The last key that was registered; `None` if there is none.
    pub key: Option<RegisteredKey>,
    /// The index after the last leaf; 0 if there are none.
    pub leaves: u64,
    /// The largest position of a hash; `None` if there are none.
    pub last_position: Option<u64>,
    /// How many leaves are detached.
    pub detached: u64,
    /// The note of the [detachment](super::rows::DetachedBatch); `None` if there is none.
    pub detachment: Option<String>,
    /// Whether there are unsealed records.
    pub has_unsealed: bool,
}

/// A key that was registered for the log. The nodes with this key continue the log, and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The index of the first leaf that was sealed with this key.
    pub first_leaf: u64,
    /// The text of the verifier key.
    pub verifier_key: String,
    /// The note of the last checkpoint of the previous key, which both have signed; `None` for the
    /// first key.
    pub checkpoint: Option<String>,
}

/// A leaf of the Merkle log, and its record.
#[derive(Debug)]
pub struct LeafRow {
    /// The index of the leaf; 0 for the first one.
    pub leaf_index: u64,
    /// The number of the record.
    pub sequence: u64,
    /// The record, or an error if its row is invalid; `None` if it is missing.
    pub record: Option<Result<AuditRecord, StoreError>>,
}

/// Records that are neither unsealed nor have a leaf.
#[derive(Debug)]
pub struct OrphanRecords {
    /// The number of the last record that was looked at.
    pub last: i64,
    /// The numbers of the orphan records, and the records unless their rows are invalid.
    pub records: Vec<(u64, Result<AuditRecord, StoreError>)>,
}
