//! Exports sealed records, and detaches what an export has.
//!
//! An export has a line of JSON for each record, after a first line with the range and the signed
//! checkpoint. The export and the public key of the log are enough to verify it.

mod error;
mod line;
mod reader;

use std::io::{BufRead, Seek, Write};
use std::ops::Range;

pub use error::ExportError;
pub use reader::{ExportReader, VerifiedExport};

use super::{AuditStore, AuditVerifierKey, Detachment, InclusionProof};
use crate::store::rows::LOG_BATCH;
use crate::{Timestamp, time};
use line::{HeaderLine, record_line};

/// Exports sealed records of the audit log, from a leaf to another (exclusive): by default from the
/// first one in the store to the last one that is sealed. Returns the range.
///
/// Each record is proven to the checkpoint before it is written. Memory is bounded: records are
/// read 1,000 at a time. It blocks while it writes. After an error the output is incomplete, which
/// [`ExportReader`] notices.
///
/// ```
/// use kleidia_tower::audit::{AuditKey, ExportReader, export};
/// use kleidia_tower::store::MemoryStore;
/// # use kleidia_tower::audit::{AuditEvent, AuditStore, EventKind, Outcome};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::generate("audit.example.com")?;
/// let store = MemoryStore::with_audit_key(key.clone());
/// # let event = AuditEvent { at: Default::default(), kind: EventKind::Logout, outcome: Outcome::Success,
/// #     user: None, actor: None, session: None, client: Default::default(), request: None, reason: None };
/// # store.append(vec![event]).await?;
/// let mut output = Vec::new();
/// assert_eq!(export(&store, None, None, &mut output).await?, 0..1);
/// // Elsewhere, without the store:
/// ExportReader::new(&output[..], key.verifier_key())?.verify(&[])?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ExportError`] if the leaves are not in the store and sealed, if a record does not have a proof, or
/// if the output cannot be written.
pub async fn export(
    store: &(impl AuditStore + ?Sized),
    from: Option<u64>,
    to: Option<u64>,
    output: &mut (impl Write + Send),
) -> Result<Range<u64>, ExportError> {
    let first = detached_leaves(store).await?;
    let checkpoint = store.checkpoint().await?;
    let end = checkpoint.as_ref().map_or(0, super::Checkpoint::size);
    let (from, to) = (from.unwrap_or(first), to.unwrap_or(end));
    let Some(checkpoint) = checkpoint.filter(|_| first <= from && from < to && to <= end) else {
        return Err(ExportError::OutOfRange { from, to, first, end });
    };
    writeln!(output, "{}", HeaderLine::new(from, to, checkpoint.note()).to_json())?;
    let mut next = from;
    while next < to {
        let until = to.min(next + LOG_BATCH);
        for proof in store.prove_leaves(&checkpoint, next, until).await? {
            writeln!(output, "{}", record_line(&proof))?;
        }
        next = until;
    }
    Ok(from..to)
}

/// Deletes the first records of the audit log from the store, up to a leaf (exclusive), by default
/// all that the export has. Returns how much of the log is detached.
///
/// The export is verified as a whole before anything is deleted. Its log must be continued by the
/// one in the store, which must have the same records, and these must be
/// [old enough](Detachment::MIN_AGE) now, by the clock that their times come from. 1,000 records at a time are deleted in one
/// transaction, so the service continues meanwhile; after an interruption, call it again. It blocks
/// while it reads.
///
/// The store signs what is detached, so it needs the secret key of the log. On PostgreSQL it needs
/// the role that owns the tables.
///
/// # Errors
/// [`ExportError`] if the export is not accepted, if it has not all leaves that are to be detached, if
/// they are too recent, or if the log in the store is another one. What was detached before stays so.
pub async fn detach(
    store: &(impl AuditStore + ?Sized),
    mut export: impl BufRead + Seek + Send,
    key: &AuditVerifierKey,
    to: Option<u64>,
    now: Timestamp,
) -> Result<u64, ExportError> {
    let mut reader = ExportReader::new(&mut export, key)?;
    let Range { start: first, end } = reader.leaves();
    let (from, to) = (detached_leaves(store).await?, to.unwrap_or(end));
    if from < first || to > end {
        return Err(ExportError::OutOfRange { from, to, first, end });
    }
    while let Some(proof) = reader.next_record()? {
        if (from..to).contains(&proof.leaf_index()) {
            check_age(&proof, now)?;
        }
    }
    export.rewind()?;
    let mut reader = ExportReader::new(&mut export, key)?;
    let mut detached = from;
    while detached < to {
        let batch = next_batch(&mut reader, detached..to)?;
        detached = store.detach(&batch, now).await?.size();
    }
    Ok(detached)
}

/// Checks that a record is old enough to be detached.
pub(crate) fn check_age(proof: &InclusionProof, now: Timestamp) -> Result<(), ExportError> {
    let (at, until) = (proof.record().at, time::sub(now, Detachment::MIN_AGE));
    let leaf_index = proof.leaf_index();
    if at <= until { Ok(()) } else { Err(ExportError::TooRecent { leaf_index, at, until }) }
}

/// Reads the next records of these leaves.
fn next_batch(
    reader: &mut ExportReader<impl BufRead>,
    leaves: Range<u64>,
) -> Result<Vec<InclusionProof>, ExportError> {
    let (mut batch, mut next) = (Vec::new(), leaves.start);
    let until = leaves.end.min(next + LOG_BATCH);
    while next < until {
        let proof = reader.next_record()?.ok_or(ExportError::Incomplete { next })?;
        if leaves.contains(&proof.leaf_index()) {
            batch.push(proof);
            next += 1;
        }
    }
    Ok(batch)
}

async fn detached_leaves(store: &(impl AuditStore + ?Sized)) -> Result<u64, ExportError> {
    Ok(store.detachment().await?.as_ref().map_or(0, Detachment::size))
}

#[cfg(test)]
mod tests;
