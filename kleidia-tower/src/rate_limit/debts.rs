//! What keys owe, in memory that is bounded.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many keys share a place, and compete for it.
const WAYS: usize = 16;

/// When the keys that owe something will owe nothing, as a cache of a processor is made: a key
/// belongs to one set of 16 slots, and no slot is ever added.
///
/// Of a key there is only its SipHash-1-3, under a secret of this process. Nobody outside can tell
/// which keys share a set, nor make two that share a slot; chance does it to a new key with a
/// probability of 16 in 2^64.
///
/// A slot whose debt is paid is as good as empty, so nothing has to be cleaned up. A set that is
/// full forgets the key that would be the first to owe nothing: that gives away the least.
#[derive(Debug)]
pub(crate) struct Debts {
    sets: Box<[Mutex<Set>]>,
    secret: RandomState,
}

/// 256 octets.
type Set = [Slot; WAYS];

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    fingerprint: Fingerprint,
    /// In nanoseconds of the limiter's clock.
    paid_at: u64,
}

/// What is kept of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

/// The slot of a key, which nobody else sees meanwhile.
pub(crate) struct Held<'a> {
    set: MutexGuard<'a, Set>,
    number: usize,
    fingerprint: Fingerprint,
    paid_at: u64,
}

impl Debts {
    /// Room for so many keys, rounded up to a multiple of 16.
    pub(crate) fn with_room_for(keys: usize) -> Self {
        let sets = (0..keys.div_ceil(WAYS).max(1)).map(|_| Mutex::default());
        Self { sets: sets.collect(), secret: RandomState::new() }
    }

    pub(crate) fn fingerprint<K: Hash + ?Sized>(&self, key: &K) -> Fingerprint {
        Fingerprint(self.secret.hash_one(key))
    }

    /// Of the key that hashes so.
    pub(crate) fn fingerprint_by<E>(
        &self,
        hash: impl FnOnce(&mut DefaultHasher) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        let mut hasher = self.secret.build_hasher();
        hash(&mut hasher)?;
        Ok(Fingerprint(hasher.finish()))
    }

    /// The key's slot, or the one that it would take.
    pub(crate) fn hold(&self, fingerprint: Fingerprint) -> Held<'_> {
        let set = lock(self.set(fingerprint));
        for (number, slot) in set.iter().enumerate() {
            if slot.fingerprint == fingerprint {
                let paid_at = slot.paid_at;
                return Held { set, number, fingerprint, paid_at };
            }
        }
        Held { number: first_paid(&set), set, fingerprint, paid_at: 0 }
    }

    /// How many keys owe something.
    pub(crate) fn count(&self, now: u64) -> usize {
        let owing = |set: &Mutex<Set>| lock(set).iter().filter(|slot| slot.paid_at > now).count();
        self.sets.iter().map(owing).sum()
    }

    /// The set of a key: the more significant half of a product, which is less than their number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        reason = "it is less than the number of sets"
    )]
    fn set(&self, fingerprint: Fingerprint) -> &Mutex<Set> {
        let product = u128::from(fingerprint.0) * self.sets.len() as u128;
        &self.sets[(product >> 64) as usize]
    }
}

impl Held<'_> {
    /// When the key will owe nothing.
    pub(crate) const fn paid_at(&self) -> u64 {
        self.paid_at
    }

    /// Writes down when the key will owe nothing, in place of what was in the slot.
    pub(crate) fn owe_until(&mut self, paid_at: u64) {
        if let Some(slot) = self.set.get_mut(self.number) {
            *slot = Slot { fingerprint: self.fingerprint, paid_at };
        }
    }
}

/// The slot that is, or will be, the first to be free.
fn first_paid(set: &Set) -> usize {
    let slots = set.iter().enumerate().min_by_key(|(_, slot)| slot.paid_at);
    slots.map_or(0, |(number, _)| number)
}

/// A slot is written at once or not at all, so a panic elsewhere leaves nothing half done.
fn lock(set: &Mutex<Set>) -> MutexGuard<'_, Set> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}
