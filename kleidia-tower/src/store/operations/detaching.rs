//! Detaches exported records: deletes the first leaves of the Merkle log with their records.

use super::sealing::{BATCH, authentic_record, detachment, last_detached, verify_checkpoint};
use crate::audit::tree::LogTree;
use crate::audit::{AuditKey, Checkpoint, Detachment, LogHash};
use crate::store::StoreError;
use crate::store::log_continuity::ContinuityCheck;
use crate::store::rows::{DetachedBatch, Rows};

/// The leaves that a transaction detaches. They are proven to an exported checkpoint.
pub(crate) struct Detaching<'a> {
    /// The index of the first leaf.
    pub(crate) first_leaf: u64,
    /// The numbers of the records, one for each leaf.
    pub(crate) records: &'a [u64],
    /// The root of the log when it ended with these leaves, by the proof of the last one.
    pub(crate) root: LogHash,
    /// The checkpoint of the export.
    pub(crate) exported: &'a Checkpoint,
}

/// Deletes the leaves and their records, and signs that.
///
/// The log must continue that of the exported checkpoint, and keep the hashes that further leaves
/// and proofs need: nothing is deleted from a log that was altered.
pub(crate) async fn detach(
    rows: &mut dyn Rows,
    detaching: &Detaching<'_>,
) -> Result<Detachment, StoreError> {
    let key = rows.audit_key()?;
    rows.lock_sealing(true).await?;
    let note = rows.last_checkpoint().await?;
    let stored = verify_checkpoint(note.as_deref(), key.verifier_key())?;
    let stored = stored.ok_or(StoreError::Corrupt("audit log: its checkpoint is missing"))?;
    // Another process that has detached the leaves has deleted hashes that are compared below.
    let current = detachment(rows, key.verifier_key()).await?;
    if current.is_some_and(|found| found.size() > detaching.first_leaf) {
        return Err(concurrent_detachment());
    }
    check_continued(rows, detaching.exported, &stored).await?;
    let earlier = last_detached(rows, Some(&stored), key.verifier_key()).await?;
    let Detaching { first_leaf, records, root, .. } = *detaching;
    let size = (first_leaf..).zip(records).last().map_or(first_leaf, |(leaf, _)| leaf + 1);
    let kept = LogTree::positions(size);
    let tree = LogTree::from_hashes(size, &rows.log_hashes(&kept).await?);
    tree.filter(|tree| tree.root() == root)
        .ok_or(StoreError::Corrupt("audit log: its hashes are not those of the export"))?;
    let last_record = records.iter().copied().fold(earlier, u64::max);
    check_sealed(rows, earlier, last_record, &key).await?;
    let detachment = Detachment::sign(size, root, last_record, &key);
    let detachment = detachment.ok_or(StoreError::Corrupt("name of the audit log"))?;
    let next_position = LogTree::position(size);
    let deleted = LogTree::position(first_leaf)..next_position;
    let mut positions = LogTree::positions(first_leaf);
    positions.extend(deleted);
    positions.retain(|position| !kept.contains(position));
    let records = records.to_vec();
    let batch = DetachedBatch { first_leaf, records, positions, next_position, detachment };
    if !rows.detach(&batch).await? {
        return Err(concurrent_detachment());
    }
    // Without it, detached records could be sealed again.
    let is_kept = rows.detachment().await?.as_deref() == Some(batch.detachment.note());
    let lost = StoreError::Corrupt("audit log: its detachment is not the stored one");
    if is_kept { Ok(batch.detachment) } else { Err(lost) }
}

/// Checks that no record waits to be sealed up to a number: it never could be later.
async fn check_sealed(
    rows: &mut dyn Rows,
    mut after: u64,
    last_record: u64,
    key: &AuditKey,
) -> Result<(), StoreError> {
    let earlier = after;
    while after < last_record {
        let unsealed = rows.unsealed_records(after, BATCH).await?;
        let Some(last) = unsealed.last() else { break };
        after = last.sequence;
        let mut authentic =
            unsealed.into_iter().filter_map(|entry| authentic_record(entry, key, earlier));
        if authentic.any(|record| record.sequence <= last_record) {
            return Err(StoreError::unavailable(NOT_SEALED));
        }
    }
    Ok(())
}

const NOT_SEALED: &str = "an audit record with a smaller number is not sealed yet";

/// Returns the error of the later one of two that detach the same records.
pub(crate) fn concurrent_detachment() -> StoreError {
    StoreError::unavailable("another process has detached these records meanwhile")
}

/// Checks that the log of a checkpoint continues that of an earlier one (RFC 6962, 2.1.2).
async fn check_continued(
    rows: &mut dyn Rows,
    earlier: &Checkpoint,
    later: &Checkpoint,
) -> Result<(), StoreError> {
    let other = |_| StoreError::Corrupt("audit log: it does not continue that of the export");
    if let Some(check) = ContinuityCheck::start(Some(earlier), Some(later)).map_err(other)? {
        let hashes = rows.log_hashes(check.positions()).await?;
        check.finish(&hashes).map_err(other)?;
    }
    Ok(())
}
