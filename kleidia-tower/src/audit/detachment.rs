//! The signed statement which leaves of the audit log were detached.

use std::time::Duration;

use super::{AuditKey, AuditVerifierKey, Checkpoint, CheckpointError, LogHash, SignedRoot};

/// The first leaves of the audit log, which were exported and deleted from the store.
///
/// The log's key signs their number, the root of the log that had just these, and the largest
/// number of their records: a note like that of a [`Checkpoint`], whose first line is the name of
/// the log and `/detached`, and whose last one is `detached` and the number of the record. So a
/// writer to the database who does not have the key cannot remove records and call them detached,
/// nor have a detached record sealed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detachment(Checkpoint);

impl Detachment {
    /// How old the records must be that are detached. Until then each transaction that took a
    /// smaller number is committed and sealed, and a node that was cut off can compare its newest
    /// checkpoint with the log.
    pub const MIN_AGE: Duration = Duration::from_secs(3600);

    pub(crate) fn verify(note: &str, key: &AuditVerifierKey) -> Result<Self, CheckpointError> {
        Checkpoint::verify_with_origin(note, key, &origin(key)).map(Self)
    }

    /// Signs a detachment. Returns `None` for a name that no key has.
    pub(crate) fn sign(size: u64, root: LogHash, last_record: u64, key: &AuditKey) -> Option<Self> {
        let origin = origin(key.verifier_key());
        Checkpoint::sign_with_origin(size, root, last_record, &[key], &origin).map(Self)
    }

    /// Returns the number of detached leaves, which is the index of the first one in the store.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.0.size()
    }

    /// Returns the largest number of a detached record. No record up to it is sealed later.
    #[must_use]
    pub const fn last_record(&self) -> u64 {
        self.0.last_detached()
    }

    /// Returns the number of detached leaves and the root of the log that had just these.
    #[must_use]
    pub const fn signed_root(&self) -> SignedRoot {
        self.0.signed_root()
    }

    pub(crate) const fn root(&self) -> &LogHash {
        self.0.root()
    }

    /// Returns the signed note.
    #[must_use]
    pub fn note(&self) -> &str {
        self.0.note()
    }
}

fn origin(key: &AuditVerifierKey) -> String {
    format!("{}/detached", key.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detachment_is_no_checkpoint_nor_the_reverse() {
        let key = AuditKey::generate("log").unwrap();
        let (size, root) = (5, [7; 32]);
        let detachment = Detachment::sign(size, root, 9, &key).unwrap();
        let verified = Detachment::verify(detachment.note(), key.verifier_key()).unwrap();
        assert_eq!((verified.size(), verified.root()), (size, &root));
        assert_eq!((verified.last_record(), &verified), (9, &detachment));
        let other = |expected: &str, found: &str| {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            Err(CheckpointError::OriginMismatch { expected, found })
        };
        let as_checkpoint = Checkpoint::verify(detachment.note(), key.verifier_key());
        assert_eq!(as_checkpoint, other("log", "log/detached"));
        let checkpoint = Checkpoint::sign(size, root, &[&key]).unwrap();
        let as_detachment = Detachment::verify(checkpoint.note(), key.verifier_key());
        assert_eq!(as_detachment.map(|detachment| detachment.0), other("log/detached", "log"));
    }
}
