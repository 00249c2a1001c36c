//! Replaces the key of the audit log.

use super::sealing::{
    BATCH, append, authentic_record, check_registered, continued_checkpoint, detachment,
    last_detached, verify_checkpoint,
};
use crate::audit::tree::LogTree;
use crate::audit::{
    AuditKey, AuditRecord, AuditVerifierKey, Checkpoint, Detachment, EventKind, LogConflict,
    LogKey, Outcome,
};
use crate::store::rows::{DetachedBatch, RegisteredKey, Rows, UnsealedRecord};
use crate::store::{ChangeContext, StoreError};

/// The replacement of the log's key.
pub(crate) struct KeyReplacement<'a> {
    /// The key of the log. If its secret part was lost, only the new key signs.
    pub(crate) old: &'a LogKey,
    pub(crate) new: &'a AuditKey,
    /// The newest checkpoint that is known.
    pub(crate) known: Option<Checkpoint>,
    pub(crate) change: &'a ChangeContext,
}

/// Returns the last checkpoint of the previous key if the log has this key already.
pub(crate) fn replaced_before(
    registered: Option<&RegisteredKey>,
    new: &AuditVerifierKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let text = new.to_string();
    let Some(registered) = registered.filter(|registered| registered.verifier_key == text) else {
        return Ok(None);
    };
    let note = registered.checkpoint.as_ref().ok_or(StoreError::Log(LogConflict::NotReplaced))?;
    verify_checkpoint(Some(note), new)
}

/// Seals all records and one of the replacement, and registers the new key. Both keys sign the last
/// checkpoint.
pub(crate) async fn replace_key(
    rows: &mut dyn Rows,
    replacement: &KeyReplacement<'_>,
) -> Result<Checkpoint, StoreError> {
    let KeyReplacement { old, new, known, change } = replacement;
    rows.lock_sealing(true).await?;
    let registered = rows.registered_key().await?;
    // Another process may have done so before the lock.
    if let Some(replaced) = replaced_before(registered.as_ref(), new.verifier_key())? {
        return Ok(replaced);
    }
    let registered = registered.ok_or(StoreError::Log(LogConflict::MissingKey))?;
    check_registered(&registered, old.verifier_key())?;
    let mut stored = continued_checkpoint(rows, known.as_ref(), old.verifier_key()).await?;
    let last_detached = last_detached(rows, stored.as_ref(), old.verifier_key()).await?;
    let keys: Vec<&AuditKey> = old.secret_key().into_iter().chain([*new]).collect();
    let mut after = 0;
    loop {
        let unsealed = rows.unsealed_records(after, BATCH).await?;
        let Some(last) = unsealed.last() else { break };
        after = last.sequence;
        let records =
            unsealed.into_iter().filter_map(|entry| sealable_record(entry, old, last_detached));
        let records: Vec<_> = records.collect();
        if !records.is_empty() {
            stored = Some(append(rows, stored.as_ref(), &records, last_detached, &keys).await?);
        }
    }
    let sequence = rows.next_sequences(1).await?.pop();
    let sequence = sequence.ok_or(StoreError::Corrupt("record number"))?;
    let event = change.event(EventKind::KeyReplaced, Outcome::Success, None);
    let record = [AuditRecord::new(sequence, event, new)];
    rows.append_records(&record).await?;
    let checkpoint = append(rows, stored.as_ref(), &record, last_detached, &keys).await?;
    let first_leaf = checkpoint.size().saturating_sub(1);
    let verifier_key = new.verifier_key().to_string();
    let note = Some(checkpoint.note().to_owned());
    rows.register_key(&RegisteredKey { first_leaf, verifier_key, checkpoint: note }).await?;
    if let Some(detached) = detachment(rows, old.verifier_key()).await? {
        sign_again(rows, &detached, new).await?;
    }
    Ok(checkpoint)
}

/// Returns a record that may be sealed. Without the secret key it cannot be authenticated, and
/// never will be.
fn sealable_record(entry: UnsealedRecord, key: &LogKey, last_detached: u64) -> Option<AuditRecord> {
    match key.secret_key() {
        Some(key) => authentic_record(entry, key, last_detached),
        None if entry.is_sealed || entry.sequence <= last_detached => None,
        None => entry.record?.ok(),
    }
}

/// Signs with a new key what is detached.
async fn sign_again(
    rows: &mut dyn Rows,
    detached: &Detachment,
    key: &AuditKey,
) -> Result<(), StoreError> {
    let size = detached.size();
    let detachment = Detachment::sign(size, *detached.root(), detached.last_record(), key);
    let detachment = detachment.ok_or(StoreError::Corrupt("name of the audit log"))?;
    let (records, positions, next_position) = (Vec::new(), Vec::new(), LogTree::position(size));
    let batch = DetachedBatch { first_leaf: size, records, positions, next_position, detachment };
    let is_same = rows.detach(&batch).await?;
    is_same.then_some(()).ok_or_else(|| StoreError::unavailable("audit records are detached"))
}
