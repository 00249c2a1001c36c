//! Detaches exported records of the audit log, and begins a verification after them.

use super::log_reads::{LogReads, LogState};
use super::measured::Measured as _;
use super::operation::Operation;
use super::operations::{self, Detaching};
use super::rows::Transactional;
use super::{StoreError, log_proof};
use crate::Timestamp;
use crate::audit::export::check_age;
use crate::audit::tree::LogTree;
use crate::audit::verification::Faults;
use crate::audit::{
    AuditVerifierKey, Checkpoint, Detachment, ExportError, InclusionProof, LogFault,
};

/// Proves that the log has the leaves from an index to another (exclusive).
pub(super) async fn prove_leaves(
    reads: &impl LogReads,
    checkpoint: &Checkpoint,
    from: u64,
    until: u64,
) -> Result<Vec<InclusionProof>, StoreError> {
    let leaves = reads.read_leaves(from, until).await?;
    let found = leaves.iter().map(|leaf| leaf.leaf_index);
    if !found.eq(from..until) {
        return Err(StoreError::Corrupt("audit log: a leaf is missing"));
    }
    log_proof::prove_leaves(reads, checkpoint, leaves).await
}

/// Returns what of the log is detached.
pub(super) async fn read(
    reads: &impl LogReads,
    key: &AuditVerifierKey,
) -> Result<Option<Detachment>, StoreError> {
    let note = reads.read_log_state().await?.detachment;
    let detachment = note.map(|note| Detachment::verify(&note, key)).transpose();
    detachment.map_err(|_| StoreError::Corrupt("audit log: its detachment is not signed"))
}

/// Deletes the first leaves of the log with their records. These are the leaves, as they were
/// exported, and the time is that of the clock from which their times come.
pub(super) async fn detach<S: Transactional>(
    store: &S,
    exported: &[InclusionProof],
    now: Timestamp,
) -> Result<Detachment, ExportError> {
    let (Some(first), Some(last)) = (exported.first(), exported.last()) else {
        return Err(ExportError::Incomplete { next: 0 });
    };
    let checkpoint = Checkpoint::verify(first.checkpoint(), store.log_key()?.verifier_key())?;
    let first_leaf = first.leaf_index();
    for (expected, proof) in (first_leaf..).zip(exported) {
        let leaf_index = proof.leaf_index();
        if leaf_index != expected {
            return Err(ExportError::Order { expected, found: leaf_index });
        }
        let checked = proof.check_in(&checkpoint);
        checked.map_err(|error| ExportError::Proof { leaf_index, error })?;
        check_age(proof, now)?;
    }
    let first = read(store, store.log_key()?.verifier_key()).await?.map_or(0, |found| found.size());
    if first != first_leaf {
        return Err(ExportError::Order { expected: first, found: first_leaf });
    }
    // Nothing is signed unless the log continues the newest checkpoint that the store knows.
    store.sealing().read(store).await?;
    if let Err(error) = compare_with_stored(store, exported, last.leaf_index() + 1).await {
        let found = read(store, store.log_key()?.verifier_key()).await?;
        let is_detached = found.is_some_and(|found| found.size() > first_leaf);
        return Err(if is_detached { operations::concurrent_detachment().into() } else { error });
    }
    // A later start compares the log with a checkpoint from after what is detached.
    store.sealing().keep(store.log_key()?).await?;
    let records: Vec<_> = exported.iter().map(|proof| proof.record().sequence).collect();
    let root = last.root_at_leaf(&checkpoint);
    let detaching = Detaching { first_leaf, records: &records, root, exported: &checkpoint };
    let detaching = &detaching;
    let detached = store.run_in_background(Operation::new("detach", move |rows| {
        Box::pin(operations::detach(rows.0, detaching))
    }));
    Ok(detached.await?)
}

/// Compares the records of the store, which no operation changes, with the exported ones.
async fn compare_with_stored(
    reads: &impl LogReads,
    exported: &[InclusionProof],
    until: u64,
) -> Result<(), ExportError> {
    let Some(first) = exported.first() else { return Ok(()) };
    let mut leaves = reads.read_leaves(first.leaf_index(), until).await?.into_iter();
    for proof in exported {
        let leaf_index = proof.leaf_index();
        let leaf = leaves.next().filter(|leaf| leaf.leaf_index == leaf_index);
        let record = leaf.and_then(|leaf| leaf.record).transpose()?;
        if record.as_ref() != Some(proof.record()) {
            return Err(ExportError::OtherRecord { leaf_index });
        }
    }
    Ok(())
}

/// Returns the tree of the detached leaves, from their stored hashes, and the largest number of
/// their records.
pub(super) async fn detached_tree(
    reads: &impl LogReads,
    state: &LogState,
    key: &AuditVerifierKey,
    faults: &mut Faults,
) -> Result<(LogTree, u64), StoreError> {
    let note = state.detachment.as_deref();
    let detachment = note.map(|note| Detachment::verify(note, key)).transpose();
    let detachment = detachment.unwrap_or_else(|error| {
        faults.add(LogFault::Detachment(error));
        None
    });
    let signed = detachment.as_ref().map_or(0, Detachment::size);
    if state.detached != signed {
        faults.add(LogFault::DetachedSize { size: state.detached, signed });
    }
    if let Some(leaf_index) = reads.read_first_leaf().await?
        && !u64::try_from(leaf_index).is_ok_and(|leaf_index| leaf_index >= signed)
    {
        faults.add(LogFault::SurplusLeaf { leaf_index });
    }
    let Some(detachment) = detachment else { return Ok((LogTree::default(), 0)) };
    let positions = LogTree::positions(detachment.size());
    let hashes = reads.read_hashes_at(&positions).await?;
    let tree = LogTree::from_hashes(detachment.size(), &hashes);
    if tree.as_ref().map(LogTree::root).as_ref() != Some(detachment.root()) {
        faults.add(LogFault::DetachedHashes { size: detachment.size() });
    }
    let unknown = || LogTree::from_hashes(detachment.size(), &vec![[0; 32]; positions.len()]);
    Ok((tree.or_else(unknown).unwrap_or_default(), detachment.last_record()))
}
