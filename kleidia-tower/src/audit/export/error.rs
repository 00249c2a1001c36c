//! The errors of exporting and detaching records.

use std::io;

use crate::Timestamp;
use crate::audit::{CheckpointError, ProofError};
use crate::store::StoreError;

/// An error from exporting records of the audit log, from reading an export, or from detaching what
/// it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The export cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store is unavailable, or its log was altered.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A line is not of the format, or not exactly as an export has it.
    #[error("line {line} of the export is malformed")]
    Malformed {
        /// The number of the line, from 1 on.
        line: u64,
    },
    /// The checkpoint is not accepted.
    #[error("the export is not accepted: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A record is not in the log of the checkpoint.
    #[error("leaf {leaf_index} of the export: {error}")]
    Proof {
        /// The index of the record's leaf.
        leaf_index: u64,
        /// What is wrong.
        error: ProofError,
    },
    /// A leaf is missing, twice in the export, or in another order.
    #[error("expected leaf {expected} in the export, found leaf {found}")]
    Order {
        /// The index of the next leaf.
        expected: u64,
        /// The index that the line has.
        found: u64,
    },
    /// The export ends before its last leaf.
    #[error("the export ends before leaf {next}")]
    Incomplete {
        /// The index of the next leaf.
        next: u64,
    },
    /// The leaves are empty, or not all in the log or in the export.
    #[error("leaves {from} to {to} (exclusive) are not within {first} to {end} (exclusive)")]
    OutOfRange {
        /// The index of the first leaf.
        from: u64,
        /// The index after the last leaf.
        to: u64,
        /// The index of the first leaf that there is.
        first: u64,
        /// The index after the last leaf that there is.
        end: u64,
    },
    /// A record is not yet [old enough](crate::audit::Detachment::MIN_AGE) to be detached.
    #[error("leaf {leaf_index} has a record of {at}, expected one until {until}")]
    TooRecent {
        /// The index of the leaf.
        leaf_index: u64,
        /// The time of the record.
        at: Timestamp,
        /// The latest time of a record that may be detached now.
        until: Timestamp,
    },
    /// An export does not begin where the one before it ends.
    #[error("expected an export from leaf {expected} on, found one from leaf {found} on")]
    Gap {
        /// The index after the last leaf before.
        expected: u64,
        /// The index of the first leaf.
        found: u64,
    },
    /// An export is not of the log that the one before it is of.
    #[error("the export from leaf {leaf_index} on is not of the same log as the one before it")]
    OtherLog {
        /// The index of the first leaf.
        leaf_index: u64,
    },
    /// The log has another record at a leaf than the export.
    #[error("leaf {leaf_index} of the log is not the one of the export")]
    OtherRecord {
        /// The index of the leaf.
        leaf_index: u64,
    },
    /// The exported log does not have the root that a checkpoint or a detachment has, which was
    /// retained outside the database.
    #[error("the exported log does not have the signed root of its first {size} records")]
    Inconsistent {
        /// The size that the root is signed for.
        size: u64,
    },
}
