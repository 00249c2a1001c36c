//! Whether a log continues a checkpoint (RFC 6962, 2.1.2).

use tlog_tiles::{Hash, check_tree, prove_tree};

use super::log_hashes::{FoundHashes, NeededHashes};
use crate::audit::{Checkpoint, LogConflict, LogHash};

/// A check that needs hashes of the log.
pub(crate) struct ContinuityCheck<'a> {
    known: &'a Checkpoint,
    found: &'a Checkpoint,
    positions: Vec<u64>,
}

impl<'a> ContinuityCheck<'a> {
    /// Checks that the log of a checkpoint continues a known one. Returns `None` if it is the same
    /// one, or if there is nothing to continue.
    pub(crate) fn start(
        known: Option<&'a Checkpoint>,
        found: Option<&'a Checkpoint>,
    ) -> Result<Option<Self>, LogConflict> {
        let Some(known) = known.filter(|known| known.size() > 0) else { return Ok(None) };
        let conflict = || LogConflict::inconsistent(known, found);
        let found = found.filter(|found| found.size() >= known.size()).ok_or_else(conflict)?;
        if found.size() == known.size() {
            return if found.root() == known.root() { Ok(None) } else { Err(conflict()) };
        }
        let needed = NeededHashes::default();
        prove_tree(found.size(), known.size(), &needed).map_err(|_| conflict())?;
        Ok(Some(Self { known, found, positions: needed.into_positions() }))
    }

    /// Returns the positions of the hashes that the check needs.
    pub(crate) fn positions(&self) -> &[u64] {
        &self.positions
    }

    /// Completes the check with these hashes. Their writers cannot forge it: the proof has both
    /// roots.
    pub(crate) fn finish(self, hashes: &[LogHash]) -> Result<(), LogConflict> {
        let (known, found) = (self.known, self.found);
        let conflict = || LogConflict::inconsistent(known, Some(found));
        let hashes = FoundHashes::new(&self.positions, hashes).ok_or_else(conflict)?;
        let root = |checkpoint: &Checkpoint| Hash(*checkpoint.root());
        let proof = prove_tree(found.size(), known.size(), &hashes);
        let checked = proof.and_then(|proof| {
            check_tree(&proof, found.size(), root(found), known.size(), root(known))
        });
        checked.map_err(|_| conflict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditKey;
    use crate::audit::tree::{LogTree, leaf_hash};

    /// The stored hashes and the checkpoints of a log, the leaves of which start with these octets.
    fn log(octets: &[u8], key: &AuditKey) -> (Vec<LogHash>, Vec<Checkpoint>) {
        let (mut tree, mut hashes, mut checkpoints) = (LogTree::default(), Vec::new(), Vec::new());
        for octet in octets {
            hashes.extend(tree.push(leaf_hash(&[*octet])));
            checkpoints.push(Checkpoint::sign(tree.size(), tree.root(), &[key]).unwrap());
        }
        (hashes, checkpoints)
    }

    fn continues(
        known: &Checkpoint,
        found: Option<&Checkpoint>,
        hashes: &[LogHash],
    ) -> Result<(), LogConflict> {
        let Some(check) = ContinuityCheck::start(Some(known), found)? else { return Ok(()) };
        let index = |position: &u64| usize::try_from(*position).unwrap();
        let needed = check.positions().iter().filter_map(|at| hashes.get(index(at)).copied());
        let needed: Vec<_> = needed.collect();
        check.finish(&needed)
    }

    #[test]
    fn accepts_each_earlier_checkpoint_and_no_other() {
        let key = AuditKey::generate("log").unwrap();
        let (hashes, checkpoints) = log(&[7; 40], &key);
        let mut octets = [7; 40];
        octets[0] = 8;
        let (other_hashes, others) = log(&octets, &key);
        for (number, known) in checkpoints.iter().enumerate() {
            assert!(continues(known, None, &[]).is_err());
            for (later, found) in checkpoints.iter().enumerate() {
                let outcome = continues(known, Some(found), &hashes);
                assert_eq!(outcome.is_ok(), number <= later, "{number} {later}");
                for hashes in [&hashes, &other_hashes] {
                    assert!(continues(known, Some(&others[later]), hashes).is_err());
                    assert!(continues(&others[number], Some(found), hashes).is_err());
                }
                if later > number {
                    assert!(continues(known, Some(found), &hashes[..1]).is_err());
                }
            }
        }
        let empty = Checkpoint::sign(0, LogTree::default().root(), &[&key]).unwrap();
        assert!(continues(&empty, None, &[]).is_ok());
        assert!(continues(&empty, Some(&others[3]), &[]).is_ok());
    }

    /// The hashes of the known tree, and those of the tree that was found, do not fit each other.
    #[test]
    fn rejects_a_mixture_of_two_logs() {
        let key = AuditKey::generate("log").unwrap();
        let (mut hashes, checkpoints) = log(&[7; 8], &key);
        let (others, found) = log(&[8; 8], &key);
        // The root of the first four leaves is stored as one hash, and the last one is the root.
        let last = others.len() - 1;
        hashes[last] = others[last];
        assert!(continues(&checkpoints[3], Some(&found[7]), &hashes).is_err());
    }
}
