//! The Merkle tree of the log (RFC 6962, 2.1), leaf by leaf.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash, record_hash, stored_hash_index, sub_tree_index};

use super::LogHash;

/// The complete subtrees that make up a tree, which is what further leaves need.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogTree {
    size: u64,
    /// The root of the complete subtree of each level, from the leaves up; meaningless for the
    /// levels that the size does not have.
    subtrees: Vec<Hash>,
}

impl LogTree {
    /// Returns the positions of the stored hashes from which [`Self::from_hashes`] restores a tree.
    pub(crate) fn positions(size: u64) -> Vec<u64> {
        sub_tree_index(0, size, Vec::new())
    }

    /// Restores a tree from the hashes at its [positions](Self::positions), in their order: the
    /// largest subtree first. Returns `None` if their number is another.
    pub(crate) fn from_hashes(size: u64, hashes: &[LogHash]) -> Option<Self> {
        let levels = 64 - size.leading_zeros();
        let mut hashes = hashes.iter();
        let mut subtrees = Vec::new();
        for level in (0..levels).rev() {
            let is_complete = size >> level & 1 == 1;
            subtrees.push(if is_complete { Hash(*hashes.next()?) } else { EMPTY_HASH });
        }
        subtrees.reverse();
        hashes.next().is_none().then_some(Self { size, subtrees })
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash. Returns the hashes of the nodes that it completes: its own, and
    /// those above it. They are stored from [`Self::next_position`] on.
    pub(crate) fn push(&mut self, leaf: LogHash) -> Vec<LogHash> {
        let mut node = Hash(leaf);
        let mut completed = vec![leaf];
        let mut level = 0;
        while self.size >> level & 1 == 1 {
            let left = self.subtrees.get(level).copied().unwrap_or(EMPTY_HASH);
            node = node_hash(left, node);
            completed.push(node.0);
            level += 1;
        }
        match self.subtrees.get_mut(level) {
            Some(subtree) => *subtree = node,
            None => self.subtrees.push(node),
        }
        self.size += 1;
        completed
    }

    /// Returns the position of the next leaf among the stored hashes.
    pub(crate) fn next_position(&self) -> u64 {
        Self::position(self.size)
    }

    /// Returns the position of a leaf among the stored hashes.
    pub(crate) fn position(leaf_index: u64) -> u64 {
        stored_hash_index(0, leaf_index)
    }

    /// Returns the root of the tree.
    pub(crate) fn root(&self) -> LogHash {
        let levels = self.subtrees.iter().enumerate();
        let mut complete = levels.filter(|(level, _)| self.size >> level & 1 == 1);
        let Some((_, smallest)) = complete.next() else { return EMPTY_HASH.0 };
        complete.fold(*smallest, |right, (_, left)| node_hash(*left, right)).0
    }
}

/// Returns the hash of a leaf.
pub(crate) fn leaf_hash(leaf: &[u8]) -> LogHash {
    record_hash(leaf).0
}

#[cfg(test)]
mod tests {
    use tlog_tiles::{Error, HashReader, stored_hashes, tree_hash};

    use super::*;

    struct Stored(Vec<LogHash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|index| Hash(self.0[usize::try_from(*index).unwrap()])).collect())
        }
    }

    #[test]
    fn agrees_with_another_implementation() {
        let (mut tree, mut stored) = (LogTree::default(), Stored(Vec::new()));
        for size in 0..200_u64 {
            assert_eq!((tree.size(), tree.root()), (size, tree_hash(size, &stored).unwrap().0));
            let positions = LogTree::positions(size);
            let hashes = stored.read_hashes(&positions).unwrap();
            let hashes: Vec<_> = hashes.into_iter().map(|hash| hash.0).collect();
            let mut restored = LogTree::from_hashes(size, &hashes).unwrap();
            assert_eq!(restored.root(), tree.root());
            assert!(size == 0 || LogTree::from_hashes(size, &hashes[1..]).is_none());
            assert!(LogTree::from_hashes(size, &[&hashes[..], &[[0; 32]]].concat()).is_none());
            let leaf = size.to_be_bytes();
            let expected = stored_hashes(size, &leaf, &stored).unwrap();
            let expected: Vec<_> = expected.into_iter().map(|hash| hash.0).collect();
            assert_eq!(tree.next_position(), stored.0.len() as u64);
            assert_eq!(tree.push(leaf_hash(&leaf)), expected);
            assert_eq!(restored.push(leaf_hash(&leaf)), expected);
            stored.0.extend(expected);
        }
    }
}
