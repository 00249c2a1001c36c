//! The state of all keys of a limiter, in bounded memory.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::SettingError;

/// The number of buckets in a set.
const WAYS: usize = 16;

/// The theoretical arrival times (TATs) of keys, as a set-associative cache: each key belongs to
/// one set of 16 buckets, and the table never grows.
///
/// A bucket stores the SipHash-1-3 of its key under a secret of this process. So clients cannot
/// tell which keys share a set, nor construct keys with equal hashes. A new key collides with an
/// existing one by chance with a probability of 16 in 2^64.
///
/// A bucket whose TAT has passed counts as empty, so no cleanup is needed. In a full set, the
/// key closest to a full budget is evicted, which gives away the least.
#[derive(Debug)]
pub(crate) struct BucketTable {
    sets: Box<[Mutex<Set>]>,
    secret: RandomState,
}

/// 256 octets.
type Set = [Bucket; WAYS];

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    key: KeyHash,
    /// In nanoseconds of the limiter's clock.
    tat: u64,
}

/// The keyed hash of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyHash(u64);

/// The bucket of a key, whose set is locked meanwhile.
pub(crate) struct LockedBucket<'a> {
    set: MutexGuard<'a, Set>,
    index: usize,
    key: KeyHash,
    tat: u64,
}

impl BucketTable {
    /// Checks a capacity: a table of the largest one has 1.7 GB.
    pub(crate) fn check_capacity(keys: usize) -> Result<usize, SettingError> {
        SettingError::check("capacity", keys, 1..=100_000_000)
    }

    /// The capacity is rounded up to a multiple of 16.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        let sets = (0..keys.div_ceil(WAYS).max(1)).map(|_| Mutex::default());
        Self { sets: sets.collect(), secret: RandomState::new() }
    }

    pub(crate) fn hash_key<K: Hash + ?Sized>(&self, key: &K) -> KeyHash {
        KeyHash(self.secret.hash_one(key))
    }

    pub(crate) fn hash_key_with<E>(
        &self,
        hash: impl FnOnce(&mut DefaultHasher) -> Result<(), E>,
    ) -> Result<KeyHash, E> {
        let mut hasher = self.secret.build_hasher();
        hash(&mut hasher)?;
        Ok(KeyHash(hasher.finish()))
    }

    /// Locks the key's bucket, or the one that it would take.
    pub(crate) fn lock_bucket(&self, key: KeyHash) -> LockedBucket<'_> {
        let set = lock(self.set(key));
        for (index, bucket) in set.iter().enumerate() {
            if bucket.key == key {
                let tat = bucket.tat;
                return LockedBucket { set, index, key, tat };
            }
        }
        LockedBucket { index: eviction_candidate(&set), set, key, tat: 0 }
    }

    /// Counts the keys whose budget is not full.
    pub(crate) fn count(&self, now: u64) -> usize {
        let active = |set: &Mutex<Set>| lock(set).iter().filter(|bucket| bucket.tat > now).count();
        self.sets.iter().map(active).sum()
    }

    /// Returns the set of a key: the upper half of a product, which is less than their number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        reason = "it is less than the number of sets"
    )]
    fn set(&self, key: KeyHash) -> &Mutex<Set> {
        let product = u128::from(key.0) * self.sets.len() as u128;
        &self.sets[(product >> 64) as usize]
    }
}

impl LockedBucket<'_> {
    /// Returns the time at which the key's budget is full again.
    pub(crate) const fn tat(&self) -> u64 {
        self.tat
    }

    /// Stores the key's TAT, and evicts the previous key of the bucket.
    pub(crate) fn set_tat(&mut self, tat: u64) {
        if let Some(bucket) = self.set.get_mut(self.index) {
            *bucket = Bucket { key: self.key, tat };
        }
    }
}

/// Returns the bucket with the earliest TAT.
fn eviction_candidate(set: &Set) -> usize {
    let buckets = set.iter().enumerate().min_by_key(|(_, bucket)| bucket.tat);
    buckets.map_or(0, |(index, _)| index)
}

/// A bucket is written completely or not at all, so a panic of another thread leaves the set valid.
fn lock(set: &Mutex<Set>) -> MutexGuard<'_, Set> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}
