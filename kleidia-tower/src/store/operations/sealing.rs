//! Seals audit records: appends them to the Merkle log, and signs a checkpoint.

use crate::audit::tree::{LogTree, leaf_hash};
use crate::audit::{AuditKey, AuditRecord, AuditVerifierKey, Checkpoint};
use crate::store::StoreError;
use crate::store::rows::{Rows, SealedBatch, UnsealedRecord};

/// How many records one transaction seals.
const BATCH: usize = 1000;

/// The outcome of sealing a batch.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The checkpoint of the log; `None` if it is empty.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Whether there are records that are not authentic, or missing. They are never sealed.
    pub(crate) rejects: bool,
    /// The number of the last record of the batch, if there may be more after it.
    pub(crate) more_after: Option<u64>,
}

/// Seals a batch of the records after a number. Returns `None` if another transaction seals, unless
/// it `waits` for that.
///
/// The stored tree must have the root of the stored checkpoint, which must be signed and not older
/// than a known one: nothing is appended to a log that was altered.
pub(crate) async fn seal(
    rows: &mut dyn Rows,
    known: Option<&Checkpoint>,
    after: u64,
    waits: bool,
) -> Result<Option<Sealed>, StoreError> {
    let key = rows.audit_key()?;
    if !rows.lock_sealing(waits).await? {
        return Ok(None);
    }
    let note = rows.last_checkpoint().await?;
    let stored = verify_checkpoint(note.as_deref(), key.verifier_key())?;
    check_not_older(stored.as_ref(), known)?;
    let unsealed = rows.unsealed_records(after, BATCH).await?;
    let more_after = unsealed.last().filter(|_| unsealed.len() == BATCH).map(|last| last.sequence);
    let count = unsealed.len();
    let authentic = unsealed.into_iter().filter_map(|entry| authentic_record(entry, &key));
    let authentic: Vec<_> = authentic.collect();
    let rejects = authentic.len() < count;
    let checkpoint = if authentic.is_empty() {
        stored
    } else {
        Some(append(rows, stored.as_ref(), &authentic, &key).await?)
    };
    Ok(Some(Sealed { checkpoint, rejects, more_after }))
}

/// Verifies the stored checkpoint.
pub(crate) fn verify_checkpoint(
    note: Option<&str>,
    key: &AuditVerifierKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let checkpoint = note.map(|note| Checkpoint::verify(note, key)).transpose();
    checkpoint.map_err(|_| StoreError::Corrupt("audit log: its checkpoint is not signed"))
}

/// Checks that a stored checkpoint is not older than a known one, nor another one of its size.
pub(crate) fn check_not_older(
    stored: Option<&Checkpoint>,
    known: Option<&Checkpoint>,
) -> Result<(), StoreError> {
    let Some(known) = known else { return Ok(()) };
    match stored {
        Some(stored) if stored.size() > known.size() => Ok(()),
        Some(stored) if (stored.size(), stored.root()) == (known.size(), known.root()) => Ok(()),
        _ => Err(StoreError::Corrupt("audit log: it is older than its last checkpoint")),
    }
}

/// Returns a record that may be sealed.
fn authentic_record(entry: UnsealedRecord, key: &AuditKey) -> Option<AuditRecord> {
    let record = entry.record?.ok()?;
    (!entry.is_sealed && record.is_authentic(key)).then_some(record)
}

async fn append(
    rows: &mut dyn Rows,
    stored: Option<&Checkpoint>,
    records: &[AuditRecord],
    key: &AuditKey,
) -> Result<Checkpoint, StoreError> {
    let mut tree = stored_tree(rows, stored).await?;
    let (first_leaf, first_position) = (tree.size(), tree.next_position());
    let mut hashes = Vec::with_capacity(2 * records.len());
    for record in records {
        hashes.extend(tree.push(leaf_hash(&record.leaf())));
    }
    let checkpoint = Checkpoint::sign(tree.size(), tree.root(), key);
    let checkpoint = checkpoint.ok_or(StoreError::Corrupt("name of the audit log"))?;
    let records = records.iter().map(|record| record.sequence).collect();
    let batch = SealedBatch { first_leaf, records, first_position, hashes, checkpoint };
    rows.append_sealed(&batch).await?;
    Ok(batch.checkpoint)
}

/// Restores the tree of a checkpoint from its stored hashes.
async fn stored_tree(
    rows: &mut dyn Rows,
    stored: Option<&Checkpoint>,
) -> Result<LogTree, StoreError> {
    let Some(stored) = stored else { return Ok(LogTree::default()) };
    let hashes = rows.log_hashes(&LogTree::positions(stored.size())).await?;
    let tree = LogTree::from_hashes(stored.size(), &hashes);
    let tree = tree.filter(|tree| tree.root() == *stored.root());
    tree.ok_or(StoreError::Corrupt("audit log: its hashes do not have the root of its checkpoint"))
}
