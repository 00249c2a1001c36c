//! Proofs over the stored hashes of the audit log's tree: first which hashes they need, then with these.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use tlog_tiles::{Error, Hash, HashReader};

use crate::audit::LogHash;

/// Records which hashes proofs need.
#[derive(Default)]
pub(super) struct NeededHashes(RefCell<BTreeSet<u64>>);

impl NeededHashes {
    /// Returns the positions of the hashes, in order.
    pub(super) fn into_positions(self) -> Vec<u64> {
        self.0.into_inner().into_iter().collect()
    }
}

impl HashReader for NeededHashes {
    fn read_hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        self.0.borrow_mut().extend(positions);
        Ok(vec![Hash::default(); positions.len()])
    }
}

/// Hashes by their positions.
pub(super) struct FoundHashes(HashMap<u64, Hash>);

impl FoundHashes {
    /// Takes the hashes at these positions. Returns `None` if some are missing.
    pub(super) fn new(positions: &[u64], hashes: &[LogHash]) -> Option<Self> {
        let by_position = positions.iter().copied().zip(hashes.iter().copied().map(Hash));
        (positions.len() == hashes.len()).then(|| Self(by_position.collect()))
    }
}

impl HashReader for FoundHashes {
    fn read_hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        let hashes = positions.iter().map(|position| self.0.get(position).copied());
        // The caller panics if some are missing.
        hashes.collect::<Option<_>>().ok_or(Error::IndexesNotInTree)
    }
}
