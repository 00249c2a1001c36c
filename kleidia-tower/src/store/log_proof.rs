//! Proofs that records are in the audit log.

use tlog_tiles::prove_record;

use super::StoreError;
use super::log_hashes::{FoundHashes, NeededHashes};
use super::log_reads::{LeafRow, LogReads};
use crate::audit::{AuditVerifierKey, Checkpoint, InclusionProof};

const NO_PROOF: StoreError = StoreError::Corrupt("audit log: its hashes do not prove the record");

/// Proves that the log has a record; `None` if it is missing, detached or not yet sealed.
pub(super) async fn prove(
    reads: &impl LogReads,
    key: &AuditVerifierKey,
    record: u64,
) -> Result<Option<InclusionProof>, StoreError> {
    // Before the checkpoint, which then includes the leaf.
    let Some(leaf) = reads.find_leaf(record).await? else { return Ok(None) };
    let note = reads.read_log_state().await?.checkpoint;
    let note = note.ok_or(StoreError::Corrupt("audit log: its checkpoint is missing"))?;
    let checkpoint = Checkpoint::verify(&note, key);
    let checkpoint =
        checkpoint.map_err(|_| StoreError::Corrupt("audit log: its checkpoint is not signed"))?;
    match prove_leaves(reads, &checkpoint, vec![leaf]).await {
        // It may have been detached meanwhile.
        Err(_) if reads.find_leaf(record).await?.is_none() => Ok(None),
        proofs => Ok(proofs?.pop()),
    }
}

/// Proves that the log of a checkpoint has these leaves.
pub(super) async fn prove_leaves(
    reads: &impl LogReads,
    checkpoint: &Checkpoint,
    leaves: Vec<LeafRow>,
) -> Result<Vec<InclusionProof>, StoreError> {
    let (size, needed) = (checkpoint.size(), NeededHashes::default());
    for leaf in &leaves {
        prove_record(size, leaf.leaf_index, &needed).map_err(|_| NO_PROOF)?;
    }
    let positions = needed.into_positions();
    let hashes = reads.read_hashes_at(&positions).await?;
    let hashes = FoundHashes::new(&positions, &hashes).ok_or(NO_PROOF)?;
    let proofs = leaves.into_iter().map(|leaf| prove_leaf(checkpoint, leaf, &hashes));
    proofs.collect()
}

fn prove_leaf(
    checkpoint: &Checkpoint,
    leaf: LeafRow,
    hashes: &FoundHashes,
) -> Result<InclusionProof, StoreError> {
    let record = leaf.record.ok_or(StoreError::Corrupt("audit log: a record is missing"))??;
    let hashes = prove_record(checkpoint.size(), leaf.leaf_index, hashes).map_err(|_| NO_PROOF)?;
    let hashes = hashes.into_iter().map(|hash| hash.0).collect();
    let note = checkpoint.note().to_owned();
    let proof = InclusionProof::new(record, leaf.leaf_index, hashes, note);
    proof.check_in(checkpoint).map_err(|_| NO_PROOF)?;
    Ok(proof)
}
