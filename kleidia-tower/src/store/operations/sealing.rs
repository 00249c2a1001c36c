//! Seals audit records: appends them to the Merkle log, and signs a checkpoint.

use crate::audit::tree::{LogTree, leaf_hash};
use crate::audit::{AuditKey, AuditRecord, AuditVerifierKey, Checkpoint, Detachment, LogConflict};
use crate::store::StoreError;
use crate::store::log_continuity::ContinuityCheck;
use crate::store::rows::{RegisteredKey, Rows, SealedBatch, UnsealedRecord};

/// How many records one transaction seals.
pub(super) const BATCH: usize = 1000;

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
/// The stored tree must have the root of the stored checkpoint, which must be signed and continue a
/// known one: nothing is appended to a log that was altered.
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
    register_or_check_key(rows, &key).await?;
    let stored = continued_checkpoint(rows, known, key.verifier_key()).await?;
    check_first_use(&key, known, stored.as_ref())?;
    let last_detached = last_detached(rows, stored.as_ref(), key.verifier_key()).await?;
    let unsealed = rows.unsealed_records(after, BATCH).await?;
    let more_after = unsealed.last().filter(|_| unsealed.len() == BATCH).map(|last| last.sequence);
    let count = unsealed.len();
    let authentic =
        unsealed.into_iter().filter_map(|entry| authentic_record(entry, &key, last_detached));
    let authentic: Vec<_> = authentic.collect();
    let rejects = authentic.len() < count;
    let checkpoint = if authentic.is_empty() {
        stored
    } else {
        Some(append(rows, stored.as_ref(), &authentic, last_detached, &[&key]).await?)
    };
    Ok(Some(Sealed { checkpoint, rejects, more_after }))
}

/// Registers the key of a new log, and checks that a log has this key.
pub(crate) async fn check_key(rows: &mut dyn Rows) -> Result<(), StoreError> {
    let key = rows.audit_key()?;
    if rows.registered_key().await?.is_none() {
        rows.lock_sealing(true).await?;
    }
    register_or_check_key(rows, &key).await
}

/// Does the same in a transaction that has locked the log, if its key may have to be registered.
async fn register_or_check_key(rows: &mut dyn Rows, key: &AuditKey) -> Result<(), StoreError> {
    match rows.registered_key().await? {
        Some(registered) => check_registered(&registered, key.verifier_key()),
        None if rows.last_checkpoint().await?.is_some() => {
            Err(StoreError::Log(LogConflict::MissingKey))
        }
        None => {
            let verifier_key = key.verifier_key().to_string();
            let (first_leaf, checkpoint) = (0, None);
            rows.register_key(&RegisteredKey { first_leaf, verifier_key, checkpoint }).await
        }
    }
}

/// Checks that a log has this key.
pub(crate) fn check_registered(
    registered: &RegisteredKey,
    key: &AuditVerifierKey,
) -> Result<(), StoreError> {
    let registered = &registered.verifier_key;
    let other = || LogConflict::OtherKey { registered: registered.clone(), given: key.clone() };
    if *registered == key.to_string() { Ok(()) } else { Err(StoreError::Log(other())) }
}

/// Returns the stored checkpoint, which this key has signed and which continues a known one.
pub(super) async fn continued_checkpoint(
    rows: &mut dyn Rows,
    known: Option<&Checkpoint>,
    key: &AuditVerifierKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let note = rows.last_checkpoint().await?;
    let stored = verify_checkpoint(note.as_deref(), key)?;
    let check = ContinuityCheck::start(known, stored.as_ref());
    if let Some(check) = check.map_err(StoreError::Log)? {
        let hashes = rows.log_hashes(check.positions()).await?;
        check.finish(&hashes).map_err(StoreError::Log)?;
    }
    Ok(stored)
}

/// Verifies the stored checkpoint.
pub(crate) fn verify_checkpoint(
    note: Option<&str>,
    key: &AuditVerifierKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let checkpoint = note.map(|note| Checkpoint::verify(note, key)).transpose();
    checkpoint.map_err(|_| StoreError::Corrupt("audit log: its checkpoint is not signed"))
}

/// Checks that a key without a known checkpoint does not start an empty log: it may have signed
/// another one, which was removed.
pub(crate) fn check_first_use(
    key: &AuditKey,
    known: Option<&Checkpoint>,
    stored: Option<&Checkpoint>,
) -> Result<(), StoreError> {
    let may_be_used = known.is_none() && stored.is_none() && key.file().is_some();
    if may_be_used { Err(StoreError::Log(LogConflict::KeyMayBeUsed)) } else { Ok(()) }
}

/// Returns the largest number of a detached record, as the log's key has signed it; 0 if there is
/// none.
///
/// The checkpoint has it, too. So a detachment cannot be replaced by an earlier one, which the key
/// has also signed, once a checkpoint was signed after it.
pub(super) async fn last_detached(
    rows: &mut dyn Rows,
    stored: Option<&Checkpoint>,
    key: &AuditVerifierKey,
) -> Result<u64, StoreError> {
    let detachment = detachment(rows, key).await?;
    let last = detachment.as_ref().map_or(0, Detachment::last_record);
    let is_earlier = last < stored.map_or(0, Checkpoint::last_detached);
    let earlier = StoreError::Corrupt("audit log: its detachment is earlier than its checkpoint");
    if is_earlier { Err(earlier) } else { Ok(last) }
}

/// Returns what of the log is detached.
pub(super) async fn detachment(
    rows: &mut dyn Rows,
    key: &AuditVerifierKey,
) -> Result<Option<Detachment>, StoreError> {
    let note = rows.detachment().await?;
    let detachment = note.map(|note| Detachment::verify(&note, key)).transpose();
    detachment.map_err(|_| StoreError::Corrupt("audit log: its detachment is not signed"))
}

/// Returns a record that may be sealed. Those up to the last detached one were.
pub(super) fn authentic_record(
    entry: UnsealedRecord,
    key: &AuditKey,
    last_detached: u64,
) -> Option<AuditRecord> {
    let record = entry.record?.ok()?;
    let is_sealed = entry.is_sealed || record.sequence <= last_detached;
    (!is_sealed && record.is_authentic(key)).then_some(record)
}

/// Appends leaves, and a checkpoint that these keys sign.
pub(super) async fn append(
    rows: &mut dyn Rows,
    stored: Option<&Checkpoint>,
    records: &[AuditRecord],
    last_detached: u64,
    keys: &[&AuditKey],
) -> Result<Checkpoint, StoreError> {
    let mut tree = stored_tree(rows, stored).await?;
    let (first_leaf, first_position) = (tree.size(), tree.next_position());
    let mut hashes = Vec::with_capacity(2 * records.len());
    for record in records {
        hashes.extend(tree.push(leaf_hash(&record.leaf())));
    }
    let checkpoint =
        Checkpoint::sign_with_last_detached(tree.size(), tree.root(), last_detached, keys);
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
