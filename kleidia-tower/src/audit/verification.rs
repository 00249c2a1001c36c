//! The result of verifying the audit log.

use std::fmt;

use super::{Checkpoint, CheckpointError};

/// The result of [`AuditStore::verify`](super::AuditStore::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogVerification {
    checkpoint: Option<Checkpoint>,
    first_leaf: u64,
    faults: Vec<LogFault>,
    fault_count: usize,
}

/// What is wrong with an audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFault {
    /// A sealed record was altered.
    Altered {
        /// The number of the record.
        record: u64,
    },
    /// A record was removed that was sealed, or that waited to be sealed.
    Removed {
        /// The number of the record.
        record: u64,
    },
    /// A record was inserted, or altered before it was sealed: it is not sealed, and its
    /// authentication code is wrong, or cannot be checked without the secret key. Or a detached
    /// record was inserted again.
    Inserted {
        /// The number of the record.
        record: u64,
    },
    /// An authentic record has the place of another one in the log.
    Reordered {
        /// The number of the record.
        record: u64,
    },
    /// A record is not sealed, although it was committed a while ago, or does not wait to be
    /// sealed.
    NotSealed {
        /// The number of the record.
        record: u64,
    },
    /// An authentic record waits to be sealed for more than some seconds. It is found with the
    /// secret key only.
    Waiting {
        /// The number of the record.
        record: u64,
    },
    /// A sealed record, which may be detached, waits to be sealed again.
    SealedTwice {
        /// The number of the record.
        record: u64,
    },
    /// The log does not say which record a leaf of its tree has.
    MissingLeaf {
        /// The index of the leaf; 0 for the first one in the log.
        leaf_index: u64,
    },
    /// A stored hash of the tree was altered or removed.
    AlteredHash {
        /// The position of the hash.
        position: u64,
    },
    /// The log has more leaves than its checkpoint.
    UnsignedLeaves {
        /// The number of leaves.
        leaves: u64,
        /// The size that the checkpoint has.
        signed: u64,
    },
    /// The row of the checkpoint has another size than the signed one, so a larger checkpoint may be
    /// rejected.
    CheckpointSize {
        /// The size that the row has.
        size: u64,
        /// The signed size.
        signed: u64,
    },
    /// The log has a hash after those of the checkpoint's tree, so that none can be appended.
    SurplusHash {
        /// The position of the last hash.
        position: u64,
    },
    /// The log has a leaf before the first one that is not detached.
    SurplusLeaf {
        /// The index of the first leaf in the store.
        leaf_index: i64,
    },
    /// The log has another key than the one that verifies it.
    OtherKey {
        /// The verifier key of the log, as the database has it.
        registered: String,
    },
    /// The stored checkpoint is not accepted, so nothing is signed.
    Checkpoint(CheckpointError),
    /// What says which leaves are detached is not accepted, so they count as removed.
    Detachment(CheckpointError),
    /// The log has another number of detached leaves than is signed.
    DetachedSize {
        /// The number that the log has.
        size: u64,
        /// The signed number.
        signed: u64,
    },
    /// What says which leaves are detached was replaced by an earlier one: the checkpoint has a
    /// larger number of a detached record.
    EarlierDetachment {
        /// The largest number of a detached record.
        last_record: u64,
        /// The largest number that the checkpoint has.
        expected: u64,
    },
    /// The hashes that stand for the detached leaves were altered or removed.
    DetachedHashes {
        /// The number of detached leaves.
        size: u64,
    },
    /// The log cannot be compared with a checkpoint that was retained outside the database, because
    /// its records are detached: their export can.
    SinceDetached {
        /// The size that the other checkpoint has.
        size: u64,
        /// The number of detached leaves.
        detached: u64,
    },
    /// The records do not have the root that the checkpoint has.
    RootMismatch,
    /// The log is shorter than a checkpoint that was retained outside the database or that the
    /// store knows, as if it was replaced by an older one.
    Truncated {
        /// The size of the log.
        size: u64,
        /// The size that the other checkpoint has.
        expected: u64,
    },
    /// The log does not continue a checkpoint that was retained outside the database, or that the
    /// store knows.
    Inconsistent,
}

impl LogVerification {
    /// The maximum number of faults that [`Self::faults`] returns.
    pub const MAX_FAULTS: usize = 100;

    pub(crate) fn new(checkpoint: Option<Checkpoint>, first_leaf: u64, found: Faults) -> Self {
        Self { checkpoint, first_leaf, faults: found.first, fault_count: found.count }
    }

    /// Returns whether there are no faults.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.fault_count == 0
    }

    /// Returns the checkpoint up to which the log was verified, if it is signed; `None` for an
    /// empty log.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Returns the index of the leaf from which on the records were verified. Those before it are
    /// [detached](super::Detachment): their exports have them.
    #[must_use]
    pub const fn first_leaf(&self) -> u64 {
        self.first_leaf
    }

    /// Returns whether there are no faults but [`LogFault::Waiting`]: all records are authentic, and
    /// some wait to be sealed, such as in a backup.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        // They are the last ones.
        self.faults.iter().all(|fault| matches!(fault, LogFault::Waiting { .. }))
    }

    /// Returns the first faults.
    #[must_use]
    pub fn faults(&self) -> &[LogFault] {
        &self.faults
    }

    /// Returns the number of faults.
    #[must_use]
    pub const fn fault_count(&self) -> usize {
        self.fault_count
    }
}

/// The first faults, and the number of all.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    first: Vec<LogFault>,
    count: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: LogFault) {
        if self.first.len() < LogVerification::MAX_FAULTS {
            self.first.push(fault);
        }
        self.count += 1;
    }

    pub(crate) fn append(&mut self, other: Self) {
        let room = LogVerification::MAX_FAULTS.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
        self.count += other.count;
    }
}

/// Names a number of records.
pub(super) fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { record } => write!(f, "record {record} was altered"),
            Self::Removed { record } => write!(f, "record {record} was removed"),
            Self::Inserted { record } => write!(f, "record {record} was inserted"),
            Self::Reordered { record } => write!(f, "record {record} was reordered"),
            Self::NotSealed { record } => write!(f, "record {record} is not sealed"),
            Self::Waiting { record } => write!(f, "record {record} waits to be sealed"),
            Self::SealedTwice { record } => write!(f, "record {record} is to be sealed again"),
            Self::MissingLeaf { leaf_index } => write!(f, "leaf {leaf_index} is missing"),
            Self::AlteredHash { position } => write!(f, "hash {position} was altered or removed"),
            Self::UnsignedLeaves { leaves, signed } => {
                write!(f, "{leaves} leaves, but a checkpoint of {signed}")
            }
            Self::CheckpointSize { size, signed } => {
                write!(f, "the row of the checkpoint has the size {size}, but {signed} is signed")
            }
            Self::SurplusHash { position } => {
                write!(f, "hash {position} is not of the tree of the checkpoint")
            }
            Self::SurplusLeaf { leaf_index } => {
                write!(f, "leaf {leaf_index} is before the first one that is not detached")
            }
            Self::OtherKey { registered } => write!(f, "the log has the key {registered}"),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Detachment(error) => write!(f, "detached leaves: {error}"),
            Self::DetachedSize { size, signed } => {
                write!(f, "{size} detached leaves, but {signed} are signed")
            }
            Self::EarlierDetachment { last_record, expected } => write!(
                f,
                "the last detached record is {last_record}, but {expected} in the checkpoint"
            ),
            Self::DetachedHashes { size } => {
                write!(f, "the hashes of {size} detached leaves were altered or removed")
            }
            Self::SinceDetached { size, detached } => write!(
                f,
                "the given checkpoint has {}, but the first {detached} are detached: compare it \
                 with their export",
                records(*size)
            ),
            Self::RootMismatch => f.write_str("the records do not have the root of the checkpoint"),
            Self::Truncated { size, expected } => {
                write!(f, "the log has {}, expected at least {expected}", records(*size))
            }
            Self::Inconsistent => f.write_str("the log does not continue the given checkpoint"),
        }
    }
}
