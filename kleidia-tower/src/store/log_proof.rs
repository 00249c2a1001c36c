//! Proofs that a record is in the audit log.

use std::cell::RefCell;

use tlog_tiles::{Error, Hash, HashReader, prove_record};

use super::StoreError;
use super::log_reads::LogReads;
use crate::audit::{AuditVerifierKey, Checkpoint, InclusionProof, LogHash};

const NO_PROOF: StoreError = StoreError::Corrupt("audit log: its hashes do not prove the record");

/// Proves that the log has a record; `None` if it is missing or not yet sealed.
pub(super) async fn prove(
    reads: &impl LogReads,
    key: &AuditVerifierKey,
    record: u64,
) -> Result<Option<InclusionProof>, StoreError> {
    // Before the checkpoint, which then includes the leaf.
    let Some(leaf) = reads.find_leaf(record).await? else { return Ok(None) };
    let record = leaf.record.ok_or(StoreError::Corrupt("audit log: a record is missing"))??;
    let note = reads.read_log_state().await?.checkpoint;
    let note = note.ok_or(StoreError::Corrupt("audit log: its checkpoint is missing"))?;
    let checkpoint = Checkpoint::verify(&note, key);
    let checkpoint =
        checkpoint.map_err(|_| StoreError::Corrupt("audit log: its checkpoint is not signed"))?;
    let (size, index) = (checkpoint.size(), leaf.leaf_index);
    let positions = Positions::default();
    prove_record(size, index, &positions).map_err(|_| NO_PROOF)?;
    let hashes = reads.read_hashes_at(&positions.into_inner()).await?;
    let hashes = prove_record(size, index, &Hashes(hashes)).map_err(|_| NO_PROOF)?;
    let hashes = hashes.into_iter().map(|hash| hash.0).collect();
    let proof = InclusionProof::new(record, index, hashes, note);
    proof.check(key).map_err(|_| NO_PROOF)?;
    Ok(Some(proof))
}

/// Records which hashes a proof needs.
#[derive(Default)]
pub(super) struct Positions(RefCell<Vec<u64>>);

impl Positions {
    pub(super) fn into_inner(self) -> Vec<u64> {
        self.0.into_inner()
    }
}

impl HashReader for Positions {
    fn read_hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        self.0.borrow_mut().extend(positions);
        Ok(vec![Hash::default(); positions.len()])
    }
}

/// The hashes at these positions, in their order.
pub(super) struct Hashes(pub(super) Vec<LogHash>);

impl HashReader for Hashes {
    fn read_hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        let hashes: Vec<_> = self.0.iter().copied().map(Hash).collect();
        // The caller panics if some are missing.
        if hashes.len() == positions.len() { Ok(hashes) } else { Err(Error::IndexesNotInTree) }
    }
}
