//! Verification of the audit log: from its records to the signed root.

use std::collections::{HashMap, HashSet};

use super::log_reads::{LOG_BATCH, LeafRow, LogReads, LogState};
use super::log_unsealed::{check_unsealed, find_orphan_records, is_authentic};
use super::{StoreError, log_detachment};
use crate::audit::tree::{LogTree, leaf_hash};
use crate::audit::verification::Faults;
use crate::audit::{Checkpoint, LogFault, LogHash, LogKey, LogVerification};

/// Verifies the log that is committed at the start.
pub(super) async fn verify(
    reads: &impl LogReads,
    key: &LogKey,
    since: &[&Checkpoint],
) -> Result<LogVerification, StoreError> {
    loop {
        let state = reads.read_log_state().await?;
        let detachment = state.detachment.clone();
        let verification = verify_state(reads, key, since, state).await?;
        // Leaves that are detached meanwhile are missing.
        if reads.read_log_state().await?.detachment == detachment {
            return Ok(verification);
        }
    }
}

async fn verify_state(
    reads: &impl LogReads,
    key: &LogKey,
    since: &[&Checkpoint],
    state: LogState,
) -> Result<LogVerification, StoreError> {
    let mut faults = Faults::default();
    if let Some(registered) = &state.key
        && registered.verifier_key != key.verifier_key().to_string()
    {
        faults.add(LogFault::OtherKey { registered: registered.verifier_key.clone() });
    }
    let checkpoint = match &state.checkpoint {
        None => Ok(None),
        Some(note) => Checkpoint::verify(note, key.verifier_key()).map(Some),
    };
    let size = match &checkpoint {
        Ok(checkpoint) => {
            let signed = checkpoint.as_ref().map_or(0, Checkpoint::size);
            if state.leaves > signed {
                faults.add(LogFault::UnsignedLeaves { leaves: state.leaves, signed });
            }
            compare_with_signed(&state, signed, &mut faults);
            signed
        }
        Err(error) => {
            faults.add(LogFault::Checkpoint(error.clone()));
            state.leaves
        }
    };
    let checkpoint = checkpoint.ok().flatten();
    let (detached, last_detached) =
        log_detachment::detached_tree(reads, &state, key.verifier_key(), &mut faults).await?;
    let expected = checkpoint.as_ref().map_or(0, Checkpoint::last_detached);
    if last_detached < expected {
        faults.add(LogFault::EarlierDetachment { last_record: last_detached, expected });
    }
    let first = detached.size();
    let first_of_key = state.key.map_or(0, |key| key.first_leaf);
    let mut trees = Trees::new(key, first_of_key, since, detached);
    while trees.stored.size() < size {
        let from = trees.stored.next_position();
        let first = trees.stored.size();
        let until = size.min(first + LOG_BATCH);
        let leaves = reads.read_leaves(first, until).await?;
        let hashes = reads.read_hashes(from, LogTree::position(until)).await?;
        if leaves.is_empty() && hashes.is_empty() {
            // What claims that there are more may be no checkpoint, but a number.
            faults.add(LogFault::MissingLeaf { leaf_index: first });
            trees.is_complete = false;
            break;
        }
        trees.add(until, leaves, hashes);
    }
    trees.finish(checkpoint.as_ref(), &mut faults);
    find_orphan_records(reads, key, first, last_detached, &mut faults).await?;
    check_unsealed(reads, key, last_detached, &mut faults).await?;
    Ok(LogVerification::new(checkpoint, first, faults))
}

/// Compares what nobody signs, but can keep records from being sealed, with the signed size.
fn compare_with_signed(state: &LogState, signed: u64, faults: &mut Faults) {
    if let Some(size) = state.checkpoint_size.filter(|size| *size != signed) {
        faults.add(LogFault::CheckpointSize { size, signed });
    }
    let next_position = LogTree::position(signed);
    if let Some(position) = state.last_position.filter(|position| *position >= next_position) {
        faults.add(LogFault::SurplusHash { position });
    }
}

/// The trees over the records and over the stored hashes of leaves. If one of them has the signed
/// root, it says exactly what is wrong with the other.
struct Trees<'a> {
    key: &'a LogKey,
    /// The first leaf whose record the key may have authenticated.
    first_of_key: u64,
    since: &'a [&'a Checkpoint],
    /// The index of the first leaf.
    first: u64,
    stored: LogTree,
    /// Meaningless once a record is missing.
    records: LogTree,
    is_complete: bool,
    /// The roots of both at the sizes of `since`.
    since_roots: HashMap<u64, [LogHash; 2]>,
    /// What is wrong with leaves, if their stored hashes are right.
    leaf_faults: Faults,
    /// Rows that are no leaves: second ones of an index.
    duplicates: Faults,
    /// What is wrong with stored hashes, if those of leaves are right, and if the records are.
    by_leaves: Faults,
    by_records: Faults,
}

impl<'a> Trees<'a> {
    fn new(
        key: &'a LogKey,
        first_of_key: u64,
        since: &'a [&'a Checkpoint],
        detached: LogTree,
    ) -> Self {
        let (first, stored, records) = (detached.size(), detached.clone(), detached);
        let mut trees = Self {
            key,
            first_of_key,
            since,
            first,
            stored,
            records,
            is_complete: true,
            since_roots: HashMap::new(),
            leaf_faults: Faults::default(),
            duplicates: Faults::default(),
            by_leaves: Faults::default(),
            by_records: Faults::default(),
        };
        trees.observe_roots();
        trees
    }

    /// Adds the leaves up to an index, in order.
    fn add(&mut self, until: u64, leaves: Vec<LeafRow>, hashes: Vec<(u64, LogHash)>) {
        let mut leaves = self.by_index(leaves);
        let hashes: HashMap<_, _> = hashes.into_iter().collect();
        let known: HashSet<_> = hashes.values().copied().collect();
        while self.stored.size() < until {
            let (leaf_index, position) = (self.stored.size(), self.stored.next_position());
            let row = leaves.remove(&leaf_index);
            let expected = hashes.get(&position);
            let record = row.as_ref().and_then(|row| row.record.as_ref()?.as_ref().ok());
            let found = record.map(|record| leaf_hash(&record.leaf()));
            if let Some(fault) = self.leaf_fault(leaf_index, row.as_ref(), expected, found, &known)
            {
                self.leaf_faults.add(fault);
            }
            self.is_complete &= found.is_some();
            let leaf = expected.copied().or(found).unwrap_or_default();
            compare(position, self.stored.push(leaf), &hashes, &mut self.by_leaves);
            let leaf = found.unwrap_or_default();
            compare(position, self.records.push(leaf), &hashes, &mut self.by_records);
            self.observe_roots();
        }
    }

    /// Returns leaves by their index. The database may have lost its unique keys.
    fn by_index(&mut self, leaves: Vec<LeafRow>) -> HashMap<u64, LeafRow> {
        let mut by_index = HashMap::new();
        for leaf in leaves {
            let record = leaf.sequence;
            if by_index.insert(leaf.leaf_index, leaf).is_some() {
                self.duplicates.add(LogFault::Inserted { record });
            }
        }
        by_index
    }

    fn leaf_fault(
        &self,
        leaf_index: u64,
        row: Option<&LeafRow>,
        expected: Option<&LogHash>,
        found: Option<LogHash>,
        known: &HashSet<LogHash>,
    ) -> Option<LogFault> {
        let Some(LeafRow { sequence: record, record: row, .. }) = row else {
            return Some(LogFault::MissingLeaf { leaf_index });
        };
        let record = *record;
        let Some(row) = row else { return Some(LogFault::Removed { record }) };
        let (Ok(row), Some(found)) = (row, found) else {
            return Some(LogFault::Altered { record });
        };
        let is_authentic = is_authentic(row, self.key).filter(|_| leaf_index >= self.first_of_key);
        let is_expected = expected == Some(&found);
        match is_authentic {
            Some(true) | None if is_expected => None,
            Some(true) => Some(LogFault::Reordered { record }),
            None if known.contains(&found) => Some(LogFault::Reordered { record }),
            _ => Some(LogFault::Altered { record }),
        }
    }

    fn observe_roots(&mut self) {
        let size = self.stored.size();
        if self.since.iter().any(|since| since.size() == size) {
            self.since_roots.insert(size, [self.stored.root(), self.records.root()]);
        }
    }

    fn finish(self, checkpoint: Option<&Checkpoint>, faults: &mut Faults) {
        let signed = checkpoint.map(Checkpoint::root);
        faults.append(self.duplicates);
        if self.is_complete && signed == Some(&self.records.root()) {
            faults.append(self.by_records);
        } else {
            faults.append(self.leaf_faults);
            faults.append(self.by_leaves);
            if signed.is_some_and(|root| *root != self.stored.root()) {
                faults.add(LogFault::RootMismatch);
            }
        }
        for since in self.since {
            let size = since.size();
            match self.since_roots.get(&size) {
                None if size < self.first => {
                    faults.add(LogFault::SinceDetached { size, detached: self.first });
                }
                None => {
                    let (size, expected) = (self.stored.size(), size);
                    faults.add(LogFault::Truncated { size, expected });
                }
                Some(roots) if !roots.contains(since.root()) => faults.add(LogFault::Inconsistent),
                Some(_) => {}
            }
        }
    }
}

/// Compares the nodes that a leaf completes with the stored hashes.
fn compare(
    position: u64,
    completed: Vec<LogHash>,
    hashes: &HashMap<u64, LogHash>,
    faults: &mut Faults,
) {
    for (position, hash) in (position..).zip(completed) {
        if hashes.get(&position) != Some(&hash) {
            faults.add(LogFault::AlteredHash { position });
        }
    }
}
